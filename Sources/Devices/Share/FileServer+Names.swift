import CLinux
import Glibc
import SystemPackage

/// What is done to names in directories.
extension FileServer {
    func lookUp(in node: UInt64, _ text: ArraySlice<UInt8>) throws(Errno) -> fuse_entry_out {
        guard !FileName.isDots(text) else { return try lookUpDots(text.count, from: node) }
        let name = try FileName(text)
        return try entry(name, in: node, try HostFiles.find(name, in: try descriptor(of: node)))
    }

    /// The directory itself, or the one that it is in, which for the root is the root.
    private func lookUpDots(_ dots: Int, from node: UInt64) throws(Errno) -> fuse_entry_out {
        let found = dots == 1 ? node : try withNodes { (nodes) throws(Errno) in try nodes.parent(of: node) }
        let status = try descriptor(of: found).status()
        try withNodes { (nodes) throws(Errno) in try nodes.rememberAgain(found) }
        return entry(found, status)
    }

    /// What a guest is told of a file that was found, which it then knows.
    func entry(_ name: FileName, in node: UInt64, _ file: SharedDescriptor) throws(Errno) -> fuse_entry_out {
        let status = try file.status()
        let found = try withNodes { (nodes) throws(Errno) in
            try nodes.remember(FileIdentity(status, mount: file.mount), file, in: node, name)
        }
        return entry(found, status)
    }

    private func entry(_ node: UInt64, _ status: stat) -> fuse_entry_out {
        var entry = fuse_entry_out()
        entry.nodeid = node
        entry.entry_valid = Self.validity
        entry.attr_valid = Self.validity
        entry.attr = attributes(status)
        return entry
    }

    func forget(_ node: UInt64, _ count: UInt64) -> FileReply {
        try? withNodes { $0.forget(node, count: count) }
        return .empty
    }

    func forgetBatch(_ arguments: inout FUSEArguments) throws(Errno) -> FileReply {
        let count = try arguments.take(fuse_batch_forget_in.self).count
        for _ in 0..<count {
            // As many as there are: a guest may say that there are more.
            guard let one = try? arguments.take(fuse_forget_one.self) else { break }
            _ = forget(one.nodeid, one.nlookup)
        }
        return .empty
    }

    func readLink(_ node: UInt64) throws(Errno) -> FileReply {
        let file = try descriptor(of: node)
        guard try file.status().st_mode & S_IFMT == S_IFLNK else { throw .invalidArgument }
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = try hostCall { readlinkat(file.rawValue, "", &target, target.count) }
        return .bytes(target[..<length].map { UInt8(bitPattern: $0) })
    }

    // MARK: New names

    func makeSymbolicLink(in node: UInt64, _ arguments: inout FUSEArguments) throws(Errno) -> FileReply {
        let name = try arguments.takeName()
        // For the guest alone to follow.
        let target = try arguments.takeText().map { CChar(bitPattern: $0) } + [0]
        let directory = try descriptor(of: node)
        try hostCall { symlinkat(target, directory.rawValue, name.bytes) }
        return .value(try entry(name, in: node, try HostFiles.find(name, in: directory)))
    }

    func makeNode(in node: UInt64, _ arguments: inout FUSEArguments) throws(Errno) -> FileReply {
        let mode = try arguments.take(fuse_mknod_in.self).mode
        let name = try arguments.takeName()
        let type = mode & S_IFMT
        guard [0, S_IFREG, S_IFIFO, S_IFSOCK].contains(type) else { throw .notPermitted }
        let permissions = try Ownership.permissions(mode)
        let directory = try descriptor(of: node)
        try hostCall { mknodat(directory.rawValue, name.bytes, type | permissions, 0) }
        return .value(try entry(name, in: node, try HostFiles.find(name, in: directory)))
    }

    func makeDirectory(in node: UInt64, _ arguments: inout FUSEArguments) throws(Errno) -> FileReply {
        let permissions = try Ownership.permissions(try arguments.take(fuse_mkdir_in.self).mode, isDirectory: true)
        let name = try arguments.takeName()
        let directory = try descriptor(of: node)
        try hostCall { mkdirat(directory.rawValue, name.bytes, permissions) }
        return .value(try entry(name, in: node, try HostFiles.find(name, in: directory)))
    }

    func link(in node: UInt64, _ arguments: inout FUSEArguments) throws(Errno) -> FileReply {
        let old = try arguments.take(fuse_link_in.self).oldnodeid
        let name = try arguments.takeName()
        let file = try descriptor(of: old)
        guard try !file.identity().isDirectory else { throw .notPermitted }
        let directory = try descriptor(of: node)
        try host.link(file, in: directory, name)
        return .value(try entry(name, in: node, try HostFiles.find(name, in: directory)))
    }

    // MARK: Names that go

    func remove(_ name: FileName, from node: UInt64, isDirectory: Bool) throws(Errno) -> FileReply {
        let directory = try descriptor(of: node)
        let gone = try? HostFiles.find(name, in: directory)
        try hostCall { unlinkat(directory.rawValue, name.bytes, isDirectory ? AT_REMOVEDIR : 0) }
        try keep(gone)
        return .empty
    }

    /// - Parameter flags: of renameat2(2).
    func rename(
        from node: UInt64, to newNode: UInt64, _ arguments: inout FUSEArguments, flags: UInt32
    ) throws(Errno) -> FileReply {
        let name = try arguments.takeName()
        let newName = try arguments.takeName()
        let isExchange = flags & UInt32(RENAME_EXCHANGE) != 0
        guard flags & ~UInt32(RENAME_EXCHANGE | RENAME_NOREPLACE) == 0 else { throw .invalidArgument }
        let (directory, newDirectory) = (try descriptor(of: node), try descriptor(of: newNode))
        let gone = isExchange ? nil : try? HostFiles.find(newName, in: newDirectory)
        try hostCall {
            rename_between(directory.rawValue, name.bytes, newDirectory.rawValue, newName.bytes, flags)
        }
        try keep(gone)
        try relocate(newName, in: newDirectory, newNode)
        if isExchange { try relocate(name, in: directory, node) }
        return .empty
    }

    /// Lets a guest that knows a file go on using it without the name that it had.
    private func keep(_ file: SharedDescriptor?) throws(Errno) {
        guard let file, let identity = try? file.identity() else { return }
        try withNodes { $0.keep(identity, by: file) }
    }

    private func relocate(_ name: FileName, in directory: SharedDescriptor, _ node: UInt64) throws(Errno) {
        guard let file = try? HostFiles.find(name, in: directory), let identity = try? file.identity() else { return }
        try withNodes { $0.relocate(identity, to: node, name) }
    }
}
