import CLinux
import Glibc
import Linux

/// The user's own directory with an entry for each machine that runs. An entry is a directory that its machine's process
/// has locked (flock(2)) as long as it lives: one that can be locked was left behind, and whoever meets it removes it.
public struct RuntimeDirectory: Sendable {
    public let path: String

    public init(path: String) {
        self.path = path
    }

    /// All entries, in order of their names; machines may have come and gone since.
    ///
    /// - Throws: what keeps the directory from being read; one that is not there has no entries.
    public func machines() throws -> [MachineEntry] {
        guard try isThere() else { return [] }
        let names = try entriesOfDirectory(path).filter(\.isDirectory).map(\.name)
        return names.filter(MachineName.isValid).compactMap { entry(named: $0) }
    }

    /// The entry of a machine that runs; nil where there is none.
    ///
    /// - Throws: as `machines` does.
    public func machine(named name: String) throws -> MachineEntry? {
        guard MachineName.isValid(name), try isThere() else { return nil }
        return entry(named: name)
    }

    /// - Parameter name: a valid one.
    func entry(named name: String) -> MachineEntry? {
        let path = "\(path)/\(name)"
        guard let lock = try? OwnedDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { return nil }
        if flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0 {
            Self.remove(path, locked: lock)
            return nil
        }
        return MachineEntry(name: name, path: path, lock: lock)
    }

    /// Makes the directory where it is not there.
    ///
    /// - Throws: `RuntimeDirectoryError` for one that others could change.
    func create() throws {
        if mkdir(path, 0o700) != 0, currentErrno != .fileExists {
            throw SystemCallError("mkdir", on: path, errno: currentErrno)
        }
        _ = try isThere()
    }

    /// - Throws: `RuntimeDirectoryError` for one that others could change: they could lead whoever looks to machines of
    ///   their own, and have files of this user's removed.
    private func isThere() throws -> Bool {
        var status = stat()
        do throws(SystemCallError) {
            try systemCall("lstat", on: path) { lstat(path, &status) }
        } catch {
            if error.errno == .noSuchFileOrDirectory { return false }
            throw error
        }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw RuntimeDirectoryError.notPrivate(path)
        }
        return true
    }

    /// Removes an entry and what is in it, unless another has taken its place.
    ///
    /// - Parameter lock: the entry, locked.
    static func remove(_ path: String, locked lock: borrowing OwnedDescriptor) {
        guard isCurrent(path, lock) else { return }
        // By the descriptor, as somebody could put another in its place who owns what it is in.
        let contents = (try? entriesOfDirectory("/proc/self/fd/\(lock.rawValue)")) ?? []
        for entry in contents { unlinkat(lock.rawValue, entry.name, 0) }
        rmdir(path)
    }

    /// Whether the directory at `path` is the one that is open.
    static func isCurrent(_ path: String, _ directory: borrowing OwnedDescriptor) -> Bool {
        var now = stat()
        guard lstat(path, &now) == 0, let status = try? directory.status() else { return false }
        return now.st_dev == status.st_dev && now.st_ino == status.st_ino
    }
}

/// What can be wrong with a runtime directory, or an entry of it.
public enum RuntimeDirectoryError: Error, Equatable, CustomStringConvertible {
    case notPrivate(String)
    case name(String)
    case taken(String, pid: Int32?)

    public var description: String {
        switch self {
        case .notPrivate(let path):
            "\(path): this is no directory that only its user can change; remove it, or set XDG_RUNTIME_DIR to another place"
        case .name(let name):
            """
            '\(name)' cannot be a machine's name; use up to \(MachineName.longest) letters, digits, dots, dashes and \
            underscores, beginning with a letter or digit
            """
        case .taken(let name, let pid):
            """
            a machine '\(name)' runs already\(pid.map { ", as process \($0)" } ?? ""); choose another name, or end it with \
            'swiftlet stop \(name)'
            """
        }
    }
}

/// What machines can be called.
public enum MachineName {
    /// Characters.
    public static let longest = 48

    public static func isValid(_ name: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard let first = name.utf8.first, isWord(first), name.utf8.count <= longest else { return false }
        return name.utf8.allSatisfy {
            isWord($0) || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains($0)
        }
    }
}
