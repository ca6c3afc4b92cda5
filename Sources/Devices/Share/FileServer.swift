import CLinux
import Glibc
import Linux
import Synchronization
import SystemPackage

/// A FUSE server for one directory of the host (protocol 7.38, linux/fuse.h), for a driver that is not trusted.
///
/// Any number of threads may serve requests at a time. No system call is made with a lock held, as a file system can let any
/// of them wait, but for reading a directory, which others of the same handle wait for.
final class FileServer: Sendable {
    let host: HostFiles
    let ownership = Ownership()
    let isReadOnly: Bool
    private let root: SharedDescriptor
    let rootIdentity: FileIdentity
    private let limits: Limits
    private let nodes: Mutex<NodeTable>
    private let handles: Mutex<FileHandles>
    private let isInitialized = Atomic<Bool>(false)

    struct Limits: Sendable {
        /// Files that a guest knows, that it knows with a descriptor, and that it has open.
        var nodes: Int
        var nodeDescriptors: Int
        var handles: Int
    }

    /// How long a driver may believe what it was told of a name and of attributes, in seconds: the host may change them.
    static let validity: UInt64 = 1

    /// - Parameter path: of the directory.
    /// - Throws: `ShareError`.
    init(path: String, readOnly: Bool, _ limits: Limits) throws(ShareError) {
        isReadOnly = readOnly
        self.limits = limits
        do throws(SystemCallError) {
            root = SharedDescriptor(try OwnedDescriptor.open(path, O_PATH | O_DIRECTORY))
        } catch {
            throw ShareError(path: path, problem: .system(error))
        }
        do throws(SystemCallError) { host = try HostFiles() } catch { throw ShareError(path: path, problem: .noProc) }
        do throws(Errno) { rootIdentity = try Self.check(root, host) } catch {
            let problem: ShareError.Problem =
                switch error {
                case .noFunction: .oldKernel
                case .improperLink: .proc
                default: .system(SystemCallError("open", on: path, errno: error))
                }
            throw ShareError(path: path, problem: problem)
        }
        nodes = Mutex(
            NodeTable(
                root: root, identity: rootIdentity, nodeLimit: limits.nodes, descriptorLimit: limits.nodeDescriptors))
        handles = Mutex(FileHandles(limit: limits.handles))
    }

    /// Whether a directory can be shared.
    ///
    /// - Throws: `ENOSYS` on an old kernel, `EXDEV` for one on a proc file system.
    private static func check(_ root: SharedDescriptor, _ host: HostFiles) throws(Errno) -> FileIdentity {
        var system = statfs()
        try hostCall { fstatfs(root.rawValue, &system) }
        guard system.f_type != PROC_SUPER_MAGIC else { throw .improperLink }
        try HostFiles.check(root)
        // Opened once as it will be: by its mode it may be closed to us.
        _ = try host.reopen(root, O_RDONLY | O_DIRECTORY)
        return try root.identity()
    }

    /// Forgets the driver, with all that it knows and has open.
    func reset() {
        isInitialized.store(false, ordering: .relaxed)
        let fresh = NodeTable(
            root: root, identity: rootIdentity, nodeLimit: limits.nodes, descriptorLimit: limits.nodeDescriptors)
        let old = nodes.withLock { nodes in
            defer { nodes = fresh }
            return nodes
        }
        let oldHandles = handles.withLock { handles in
            defer { handles = FileHandles(limit: limits.handles) }
            return handles
        }
        // Closed here, with no lock held.
        _ = (consume old, consume oldHandles)
    }

    /// Files that the guest knows and those of them that have a descriptor, and what it has open.
    var counts: (nodes: Int, descriptors: Int, handles: Int) {
        let (known, open) = nodes.withLock { ($0.count, $0.descriptorCount) }
        return (known, open, handles.withLock { $0.count })
    }

    // MARK: Requests

    /// Does what a request asks for, and has it take the reply; nothing else is done with it.
    func serve(_ request: ShareRequest) {
        do throws(Errno) {
            request.take(try reply(to: request))
        } catch {
            request.take(error)
        }
    }

    /// What changes files, and is refused where they may only be read. That opening a file may change it is seen there.
    private static let changes: Set<UInt32> = Set(
        [
            FUSE_SETATTR, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME, FUSE_RENAME2,
            FUSE_LINK, FUSE_WRITE, FUSE_SETXATTR, FUSE_REMOVEXATTR, FUSE_CREATE, FUSE_FALLOCATE, FUSE_COPY_FILE_RANGE,
            FUSE_TMPFILE,
        ].map(\.rawValue))

    private static let beforeInitialization: Set<UInt32> = Set(
        [FUSE_INIT, FUSE_DESTROY, FUSE_FORGET, FUSE_BATCH_FORGET, FUSE_INTERRUPT].map(\.rawValue))

    private func reply(to request: ShareRequest) throws(Errno) -> FileReply {
        let header = request.header
        guard isInitialized.load(ordering: .relaxed) || Self.beforeInitialization.contains(header.opcode) else {
            throw .protocolError
        }
        if isReadOnly, Self.changes.contains(header.opcode) { throw .readOnlyFileSystem }
        // Checked before anything is done that the driver would then not learn of.
        guard request.body.byteCount >= Self.replySize(header.opcode) else { throw .invalidArgument }

        let node = header.nodeid
        switch fuse_opcode(rawValue: header.opcode) {
        case FUSE_READ: return try read(request)
        case FUSE_WRITE: return try write(request)
        default: break
        }
        var arguments = try FUSEArguments(request.arguments)
        let room = request.body.byteCount
        switch fuse_opcode(rawValue: header.opcode) {
        case FUSE_INIT: return try initialize(&arguments)
        case FUSE_DESTROY:
            reset()
            return .empty

        case FUSE_LOOKUP: return .value(try lookUp(in: node, try arguments.takeText()))
        case FUSE_FORGET: return forget(node, try arguments.take(fuse_forget_in.self).nlookup)
        case FUSE_BATCH_FORGET: return try forgetBatch(&arguments)
        case FUSE_READLINK: return try readLink(node)
        case FUSE_SYMLINK: return try makeSymbolicLink(in: node, &arguments)
        case FUSE_MKNOD: return try makeNode(in: node, &arguments)
        case FUSE_MKDIR: return try makeDirectory(in: node, &arguments)
        case FUSE_UNLINK: return try remove(try arguments.takeName(), from: node, isDirectory: false)
        case FUSE_RMDIR: return try remove(try arguments.takeName(), from: node, isDirectory: true)
        case FUSE_RENAME:
            return try rename(from: node, to: try arguments.take(fuse_rename_in.self).newdir, &arguments, flags: 0)
        case FUSE_RENAME2:
            let parameters = try arguments.take(fuse_rename2_in.self)
            return try rename(from: node, to: parameters.newdir, &arguments, flags: parameters.flags)
        case FUSE_LINK: return try link(in: node, &arguments)

        case FUSE_GETATTR: return try getAttributes(node, try arguments.take(fuse_getattr_in.self))
        case FUSE_SETATTR: return try setAttributes(node, try arguments.take(fuse_setattr_in.self))
        case FUSE_ACCESS: return try checkAccess(node, try arguments.take(fuse_access_in.self).mask)
        case FUSE_STATFS: return try fileSystemStatus(node)
        case FUSE_SETXATTR: return try setExtendedAttribute(node, &arguments)
        case FUSE_GETXATTR: return try getExtendedAttribute(node, &arguments, room: room)
        case FUSE_LISTXATTR: return try listExtendedAttributes(node, &arguments, room: room)
        case FUSE_REMOVEXATTR: return try removeExtendedAttribute(node, &arguments)

        case FUSE_OPEN: return try open(node, try arguments.take(fuse_open_in.self))
        case FUSE_CREATE: return try create(in: node, &arguments)
        case FUSE_RELEASE, FUSE_RELEASEDIR:
            release(try arguments.take(fuse_release_in.self).fh)
            return .empty
        case FUSE_FLUSH: return try flush(try arguments.take(fuse_flush_in.self).fh)
        case FUSE_FSYNC, FUSE_FSYNCDIR: return try synchronize(try arguments.take(fuse_fsync_in.self))
        case FUSE_FALLOCATE: return try allocate(try arguments.take(fuse_fallocate_in.self))
        case FUSE_LSEEK: return try seek(try arguments.take(fuse_lseek_in.self))
        case FUSE_COPY_FILE_RANGE: return try copy(try arguments.take(fuse_copy_file_range_in.self))
        case FUSE_SYNCFS: return try synchronizeFileSystem()

        case FUSE_OPENDIR: return try openDirectory(node)
        case FUSE_READDIR, FUSE_READDIRPLUS:
            return try list(
                node, try arguments.take(fuse_read_in.self), room: room,
                withAttributes: header.opcode == FUSE_READDIRPLUS.rawValue)

        // A request is not cut short: none waits for anything but its file system, which no signal would wake either.
        case FUSE_INTERRUPT: return .empty
        default: throw .noFunction
        }
    }

    /// The least room for a reply that succeeds, behind its header, in bytes.
    private static func replySize(_ opcode: UInt32) -> Int {
        switch fuse_opcode(rawValue: opcode) {
        case FUSE_LOOKUP, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_LINK: MemoryLayout<fuse_entry_out>.size
        case FUSE_CREATE: MemoryLayout<fuse_entry_out>.size + MemoryLayout<fuse_open_out>.size
        case FUSE_GETATTR, FUSE_SETATTR: MemoryLayout<fuse_attr_out>.size
        case FUSE_OPEN, FUSE_OPENDIR: MemoryLayout<fuse_open_out>.size
        case FUSE_WRITE, FUSE_COPY_FILE_RANGE: MemoryLayout<fuse_write_out>.size
        case FUSE_STATFS: MemoryLayout<fuse_statfs_out>.size
        case FUSE_LSEEK: MemoryLayout<fuse_lseek_out>.size
        case FUSE_INIT: MemoryLayout<fuse_init_out>.size
        default: 0
        }
    }

    private func initialize(_ arguments: inout FUSEArguments) throws(Errno) -> FileReply {
        // Older minor versions end the request before the second word of flags.
        let length = min(arguments.rest.count, MemoryLayout<fuse_init_in>.size)
        guard length >= 16 else { throw .invalidArgument }
        var request = fuse_init_in()
        let bytes = Array(try arguments.take(count: length))
        withUnsafeMutableBytes(of: &request) { $0.copyBytes(from: bytes) }
        guard request.major >= FUSEVersion.major else { throw .protocolError }
        var reply = FUSENegotiation.reply(to: request)
        guard request.major == FUSEVersion.major else {
            // The driver is to ask again, in terms of this version.
            reply.flags = 0
            return .value(reply)
        }
        guard request.minor >= FUSEVersion.oldestMinor else { throw .protocolError }
        reset()
        isInitialized.store(true, ordering: .relaxed)
        return .value(reply)
    }

    // MARK: Nodes

    /// Works on the table of nodes, and then closes what it has no more use for.
    func withNodes<Result: Sendable>(
        _ body: (inout NodeTable) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        let (result, dropped) = nodes.withLock { table in
            let result: Swift.Result<Result, Errno>
            do throws(Errno) { result = .success(try body(&table)) } catch { result = .failure(error) }
            return (result, table.takeDropped())
        }
        _ = consume dropped
        return try result.get()
    }

    /// A descriptor for a file that the guest knows (`O_PATH`).
    ///
    /// - Throws: `ESTALE` when it is not where it was.
    func descriptor(of node: UInt64) throws(Errno) -> SharedDescriptor {
        let route = try withNodes { (nodes) throws(Errno) in try nodes.route(to: node) }
        var current = route.start
        for step in route.steps {
            guard let next = try? HostFiles.find(step.name, in: current),
                try next.identity() == step.identity
            else { throw .staleNFSFileHandle }
            try withNodes { $0.install(next, for: step.node) }
            current = next
        }
        return current
    }

    // MARK: Handles

    func insert(_ file: SharedDescriptor) throws(Errno) -> UInt64 {
        let file = OpenFile(file)
        let result: Result<UInt64, Errno> = handles.withLock { handles in
            do throws(Errno) { return .success(try handles.insert(file)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// Closes what the guest has open under that number, if anything.
    func release(_ handle: UInt64) {
        let file = handles.withLock { $0.remove(handle) }
        // Closed here, with no lock held.
        _ = consume file
    }

    func file(_ handle: UInt64) throws(Errno) -> OpenFile {
        let result: Result<OpenFile, Errno> = handles.withLock { handles in
            do throws(Errno) { return .success(try handles.file(handle)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
