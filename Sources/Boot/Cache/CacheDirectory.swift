import CLinux
import Glibc
import Linux

/// An open directory that belongs to this user alone. Every failure only means that there is nothing to be had.
struct CacheDirectory: ~Copyable {
    private let descriptor: OwnedDescriptor
    let path: String

    /// Opens a directory.
    ///
    /// - Parameter creating: whether to make it, and those that lead to it, when it is missing.
    /// - Returns: nil also for one that others may write to: they could put anything there.
    init?(_ path: String, creating: Bool) {
        if creating { Self.create(path) }
        guard let opened = try? OwnedDescriptor.open(path, O_RDONLY | O_DIRECTORY),
            let status = try? opened.status(), Self.isOurs(status)
        else { return nil }
        descriptor = opened
        self.path = path
    }

    /// Opens, or makes, a directory within this one, under the same condition.
    func subdirectory(_ name: String, creating: Bool) -> CacheDirectory? {
        CacheDirectory(path + "/" + name, creating: creating)
    }

    private static func create(_ path: String) {
        for end in path.indices where path[end] == "/" && end > path.startIndex { mkdir(String(path[..<end]), 0o700) }
        mkdir(path, 0o700)
    }

    private static func isOurs(_ status: stat) -> Bool {
        status.st_uid == geteuid() && status.st_mode & 0o022 == 0
    }

    /// Opens a regular file that only this user can have written.
    func open(_ name: String) -> OwnedDescriptor? {
        let raw = openat(descriptor.rawValue, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard raw >= 0 else { return nil }
        let file = OwnedDescriptor(adopting: raw)
        guard let status = try? file.status(), status.st_mode & S_IFMT == S_IFREG, Self.isOurs(status) else {
            return nil
        }
        return file
    }

    /// Makes a file under a name that no other process uses.
    ///
    /// - Returns: the file, open for writing.
    func createTemporary(_ name: String) -> OwnedDescriptor? {
        let raw = openat(descriptor.rawValue, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        return raw < 0 ? nil : OwnedDescriptor(adopting: raw)
    }

    func createLink(_ name: String, to target: String) -> Bool {
        symlinkat(target, descriptor.rawValue, name) == 0
    }

    /// Where the symbolic link `name` leads.
    func target(ofLink name: String) -> String? {
        // Longer than any target that is made here.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let count = readlinkat(descriptor.rawValue, name, start, buffer.count)
            return count < 0 ? nil : String(decoding: UnsafeRawBufferPointer(buffer).prefix(count), as: UTF8.self)
        }
    }

    /// Gives a finished file or link its name, in place of whatever had it.
    func rename(_ temporary: String, to name: String) -> Bool {
        renameat(descriptor.rawValue, temporary, descriptor.rawValue, name) == 0
    }

    func remove(_ name: String) {
        unlinkat(descriptor.rawValue, name, 0)
    }

    /// All names with the times of their last modification in nanoseconds, the latest first.
    func list() -> [(name: String, modified: Int)] {
        guard let copy = try? OwnedDescriptor.open(path, O_RDONLY | O_DIRECTORY),
            let stream = fdopendir(dup(copy.rawValue))
        else { return [] }
        defer { closedir(stream) }
        var found: [(name: String, modified: Int)] = []
        while let entry = readdir(stream) {
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { break }
            // By its address, because an entry ends with its name and not with the structure.
            let name = String(cString: (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self))
            var status = stat()
            guard name != ".", name != "..",
                fstatat(descriptor.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0
            else { continue }
            found.append((name, nanoseconds(status.st_mtim)))
        }
        return found.sorted { ($0.modified, $0.name) > ($1.modified, $1.name) }
    }
}
