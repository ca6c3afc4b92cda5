import Foundation
import Glibc
import Linux

/// The directory for all that is worth keeping from one run to the next.
///
/// Every entry is made under a temporary name and then renamed, so that nobody ever sees half of one.
struct Cache {
    let directory: String

    /// `SWIFTLET_LAB_CACHE`, else `lab` in the `.build` directory that this program lies in, else in the working
    /// directory's.
    static func standard() throws -> Cache {
        if let directory = getenv("SWIFTLET_LAB_CACHE") { return try Cache(directory: String(cString: directory)) }
        return try Cache(directory: "\(buildDirectory)/lab")
    }

    /// SwiftPM's `.build` that this program lies in, else the working directory's.
    static var buildDirectory: String {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let components = program.split(separator: "/")
        guard let index = components.lastIndex(of: ".build") else { return ".build" }
        return "/" + components[...index].joined(separator: "/")
    }

    init(directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        self.directory = try realPath(directory)
    }

    /// Runs `body` while no other lab that uses this directory is in such a place.
    func locked<Result>(_ body: () throws -> Result) throws -> Result {
        let lock = try OwnedDescriptor.open("\(directory)/lock", O_RDWR | O_CREAT)
        try systemCall("flock", on: "\(directory)/lock") { flock(lock.rawValue, LOCK_EX) }
        return try withExtendedLifetime(lock) { try body() }
    }

    /// The file `name`, made by `make` when it is not there.
    ///
    /// - Returns: its path.
    func file(_ name: String, make: () throws -> [UInt8]) throws -> String {
        let path = "\(directory)/\(name)"
        if access(path, R_OK) == 0 { return path }
        return try locked {
            if access(path, R_OK) == 0 { return path }
            try write(try make(), to: path)
            return path
        }
    }

    /// Makes or replaces a file in one step.
    func write(_ contents: [UInt8], to path: String) throws {
        let scratch = try ScratchDirectory(in: self)
        let temporary = "\(scratch.path)/file"
        try Data(contents).write(to: URL(fileURLWithPath: temporary))
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try systemCall("rename", on: path) { rename(temporary, path) }
    }
}

/// A directory that is removed with this object, and by a later lab when that did not happen.
final class ScratchDirectory {
    let path: String
    /// Locked as long as we use the directory: who can lock it knows that it was left behind.
    private let lock: OwnedDescriptor

    init(in cache: Cache) throws {
        let parent = "\(cache.directory)/scratch"
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        Self.removeStale(in: parent)
        let path = "\(parent)/\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        self.path = path
        try systemCall("mkdir", on: path) { mkdir(path, 0o700) }
        let lock = try OwnedDescriptor.open(path, O_RDONLY | O_DIRECTORY)
        try systemCall("flock", on: path) { flock(lock.rawValue, LOCK_SH) }
        self.lock = lock
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    private static func removeStale(in parent: String) {
        for entry in (try? entriesOfDirectory(parent)) ?? [] {
            let path = "\(parent)/\(entry.name)"
            guard let directory = try? OwnedDescriptor.open(path, O_RDONLY | O_DIRECTORY),
                let status = try? directory.status(),
                // A young one may be about to be locked.
                status.st_mtim.tv_sec < time(nil) - 60, flock(directory.rawValue, LOCK_EX | LOCK_NB) == 0
            else { continue }
            try? FileManager.default.removeItem(atPath: path)
        }
    }
}

/// The absolute path without symbolic links (realpath(3)).
func realPath(_ path: String) throws -> String {
    guard let resolved = realpath(path, nil) else { throw SystemCallError("realpath", on: path, errno: currentErrno) }
    defer { free(resolved) }
    return String(cString: resolved)
}

/// A short name for contents (64-bit FNV-1a): the same for the same parts in the same order.
func contentKey(_ parts: String...) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for part in parts {
        for byte in Array(part.utf8) + [0] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// A file's identity, as good as its contents for telling whether it changed: size and time of change.
func fileKey(_ path: String) throws -> String {
    var status = stat()
    try systemCall("stat", on: path) { stat(path, &status) }
    return "\(path) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
}
