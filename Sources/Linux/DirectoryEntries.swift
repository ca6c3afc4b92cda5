import Glibc

/// A name in a directory.
public struct DirectoryEntry: Equatable, Sendable {
    public let name: String
    /// Whether it is a directory itself; a symbolic link is none, wherever it leads.
    public let isDirectory: Bool
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
        var isDirectory = entry.pointee.d_type == UInt8(DT_DIR)
        if entry.pointee.d_type == UInt8(DT_UNKNOWN) {
            var status = stat()
            isDirectory = lstat("\(path)/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        }
        entries.append(DirectoryEntry(name: name, isDirectory: isDirectory))
    }
}
