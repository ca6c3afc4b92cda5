import Boot

/// A tree of files as members of an initramfs, from which the kernel makes what tar would have made of an archive.
///
/// The kernel follows the symbolic links that it has unpacked, and writes into a file that is there already
/// (Linux `init/initramfs.c`). So nothing is put below what is not a directory of this tree, and a name is unlinked
/// before it is used a second time.
struct InitramfsTree: ~Copyable {
    /// What a member of the initramfs has made in the guest, whatever names it has got since.
    private struct Inode {
        var header: CpioHeader
        /// Of the header in the memory.
        let offset: Int
        /// The name that the kernel makes further links to.
        let name: [UInt8]
        var hasName = true

        var isDirectory: Bool { isOf(.directory) }
        var isSymbolicLink: Bool { isOf(.symbolicLink) }

        private func isOf(_ type: CpioFileType) -> Bool { header.mode & 0o170000 == type.rawValue }
    }

    /// Bytes that count for each member beside its own: half of what the guest's kernel takes for an inode and a name, and
    /// loses at the end of a file's last page, as its contents count twice.
    static let memberCost = 1536

    private var memory: InitramfsMemory
    private var inodes: [Inode] = []
    /// Paths, and which of `inodes` they name.
    private var names: [[UInt8]: Int] = [:]

    /// - Parameter limit: the most bytes that all members may take.
    init(limit: Int) throws(RootArchiveError.Problem) {
        memory = try InitramfsMemory(limit: limit)
    }

    /// Puts an archive before the first member.
    mutating func begin(with archive: [UInt8]) throws(RootArchiveError.Problem) {
        try memory.append(archive)
        try memory.pad()
    }

    /// The archive's end, after which there may be another archive.
    consuming func finished(name: String) throws(RootArchiveError.Problem) -> ByteSource {
        try memory.append(CpioHeader().bytes(name: CpioHeader.endName))
        return memory.finished(name: name)
    }

    /// Adds a directory, or gives one that is there already other attributes.
    mutating func addDirectory(_ path: MemberPath, _ header: CpioHeader) throws(RootArchiveError.Problem) {
        if let index = names[path.bytes], inodes[index].isDirectory {
            inodes[index].header.mode = header.mode
            inodes[index].header.user = header.user
            inodes[index].header.group = header.group
            inodes[index].header.modified = header.modified
            rewrite(index)
        } else {
            try add(path, header)
        }
    }

    /// Adds anything but a directory or a hard link.
    ///
    /// - Returns: the place of the contents, as many zeros as the header says.
    @discardableResult
    mutating func add(
        _ path: MemberPath, _ header: CpioHeader
    ) throws(RootArchiveError.Problem) -> UnsafeMutableRawBufferPointer {
        try prepare(path)
        return try append(path.bytes, header)
    }

    /// Adds another name of what `target` names.
    mutating func addHardLink(_ path: MemberPath, to target: MemberPath) throws(RootArchiveError.Problem) {
        guard let index = names[target.bytes], inodes[index].hasName,
            !inodes[index].isDirectory
        else { throw .unusableHardLink(path.member, target: target.member) }
        if names[path.bytes] == index { return }
        if inodes[index].isSymbolicLink {
            // The kernel does not make links of these: a second one is the same but for its number of links.
            let contents = [UInt8](contents(of: index))
            try add(path, inodes[index].header).copyBytes(from: contents)
            return
        }
        try prepare(path)
        if inodes[index].header.links == 1 {
            inodes[index].header.links = 2
            rewrite(index)
        }
        // The contents come with the first name, and a member without any leaves them as they are.
        var header = inodes[index].header
        header.size = 0
        try memory.append(header.bytes(name: path.bytes))
        names[path.bytes] = index
    }

    /// Makes the directories that a new member needs, and its name free.
    private mutating func prepare(_ path: MemberPath) throws(RootArchiveError.Problem) {
        if let directory = path.directory, !isDirectory(directory) {
            for directory in path.directories where !isDirectory(directory) {
                if names[directory] != nil { throw .parentIsNoDirectory(path.member, parent: path.member(directory)) }
                try append(directory, Self.missingDirectory)
            }
        }
        guard let index = names[path.bytes] else { return }
        guard !inodes[index].isDirectory else { throw .replacesDirectory(path.member) }
        if inodes[index].name == path.bytes { inodes[index].hasName = false }
        // The kernel unlinks what is in the way of a symbolic link, and then the link, as it is of another type.
        var header = CpioHeader()
        header.mode = CpioFileType.symbolicLink.rawValue | 0o777
        header.size = 1
        try append(path.bytes, header)[0] = UInt8(ascii: ".")
    }

    /// - Returns: the place of the contents.
    @discardableResult
    private mutating func append(
        _ name: [UInt8], _ header: CpioHeader
    ) throws(RootArchiveError.Problem) -> UnsafeMutableRawBufferPointer {
        var header = header
        header.inode = UInt32(truncatingIfNeeded: inodes.count + 1)
        header.links = 1
        let offset = memory.count
        try memory.putAside(Self.memberCost)
        try memory.append(header.bytes(name: name))
        let contents = try memory.appendZeros(Int(header.size))
        try memory.pad()
        names[name] = inodes.count
        inodes.append(Inode(header: header, offset: offset, name: name))
        return contents
    }

    private func isDirectory(_ path: [UInt8]) -> Bool {
        names[path].map { inodes[$0].isDirectory } ?? false
    }

    /// Of a directory that members are in, but which is not in the archive itself.
    private static var missingDirectory: CpioHeader {
        var header = CpioHeader()
        header.mode = CpioFileType.directory.rawValue | 0o755
        return header
    }

    private func rewrite(_ index: Int) {
        let bytes = inodes[index].header.bytes(name: inodes[index].name)
        memory[inodes[index].offset, bytes.count].copyBytes(from: bytes)
    }

    private func contents(of index: Int) -> UnsafeMutableRawBufferPointer {
        let inode = inodes[index]
        return memory[inode.offset + inode.header.bytes(name: inode.name).count, Int(inode.header.size)]
    }
}
