import Glibc

/// A name in a directory, and what it is by itself: a symbolic link is neither a directory nor a regular file.
public struct DirectoryEntry: Equatable, Sendable {
    public let name: String
    public let isDirectory: Bool
    public let isRegular: Bool
}

/// What a directory holds, in order of names (of their bytes), without `.` and `..`.
public func entriesOfDirectory(_ path: String) throws(SystemCallError) -> [DirectoryEntry] {
    guard let stream = opendir(path) else { throw SystemCallError("opendir", on: path, errno: currentErrno) }
    defer { closedir(stream) }
    var entries: [DirectoryEntry] = []
    while true {
        errno = 0
        guard let entry = readdir(stream) else {
            if errno != 0 { throw SystemCallError("readdir", on: path, errno: currentErrno) }
            return entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        }
        let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
            tuple.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: tuple.pointee)) {
                String(cString: $0)
            }
        }
        if name == "." || name == ".." { continue }
        var type = entry.pointee.d_type
        if type == UInt8(DT_UNKNOWN) {
            var status = stat()
            // A file type has the same value here and in a mode (IFTODT(3)).
            if lstat("\(path)/\(name)", &status) == 0 {
                type = UInt8(truncatingIfNeeded: (status.st_mode & S_IFMT) >> 12)
            }
        }
        entries.append(
            DirectoryEntry(name: name, isDirectory: type == UInt8(DT_DIR), isRegular: type == UInt8(DT_REG)))
    }
}
