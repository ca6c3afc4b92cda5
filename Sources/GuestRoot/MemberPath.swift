import Boot

/// Where a member of an archive comes to lie, in parts that are names of files.
struct MemberPath {
    /// Longest name of a file in any file system of Linux (`NAME_MAX`).
    private static let longestName = 255
    private static let slash = UInt8(ascii: "/")

    /// Relative to the initramfs's root, without a slash at either end.
    let bytes: [UInt8]
    /// How long the paths of the directories are that it is in.
    private let parents: [Int]
    /// How many of `bytes` come before what the archive has.
    private let prefix: Int

    /// - Parameters:
    ///   - path: as the archive has it; one that begins with slashes is relative, as it is for tar.
    ///   - directory: what it is relative to; nil for the initramfs's root.
    init(_ path: [UInt8], below directory: MemberPath? = nil) throws(RootArchiveError.Problem) {
        var bytes = directory?.bytes ?? []
        var parents = directory?.parents ?? []
        for name in path.split(separator: Self.slash) where !name.elementsEqual(".".utf8) {
            if name.elementsEqual("..".utf8) || name.contains(0) { throw .unsafePath(path) }
            guard name.count <= Self.longestName else { throw .pathTooLong(path) }
            if !bytes.isEmpty {
                parents.append(bytes.count)
                bytes.append(Self.slash)
            }
            bytes += name
        }
        guard bytes.count <= CpioHeader.longestPath else { throw .pathTooLong(path) }
        self.bytes = bytes
        self.parents = parents
        prefix = directory.map { $0.bytes.count + 1 } ?? 0
    }

    /// As the archive has it; `.` for the directory that all members are relative to.
    var member: [UInt8] { member(bytes) }

    /// The same for one of `directories`.
    func member(_ directory: [UInt8]) -> [UInt8] {
        directory.count > prefix ? Array(directory[prefix...]) : Array(".".utf8)
    }

    /// The directory that it is in; nil where that is the initramfs's root.
    var directory: [UInt8]? { parents.last.map { Array(bytes[..<$0]) } }

    /// All directories that it is in, from the outermost on.
    var directories: [[UInt8]] { parents.map { Array(bytes[..<$0]) } }
}
