import CLinux
import Glibc
import SystemPackage
import Virtio

/// What is done to open files.
extension FileServer {
    /// Of the flags of a guest's open(2), those that concern the host.
    private static let passedFlags = O_ACCMODE | O_TRUNC | O_SYNC | O_DSYNC

    func open(_ node: UInt64, _ parameters: fuse_open_in) throws(Errno) -> FileReply {
        let handle = try insert(try open(try descriptor(of: node), flags: parameters.flags))
        return .value(fuse_open_out(fh: handle, open_flags: 0, padding: 0))
    }

    private func open(_ target: SharedDescriptor, flags: UInt32) throws(Errno) -> SharedDescriptor {
        let flags = CInt(truncatingIfNeeded: flags) & Self.passedFlags
        guard flags & O_ACCMODE != O_ACCMODE else { throw .invalidArgument }
        switch try target.identity().type {
        case S_IFREG: break
        case S_IFDIR: throw .isDirectory
        case S_IFLNK: throw .tooManySymbolicLinkLevels
        default: throw .permissionDenied
        }
        if flags & (O_ACCMODE | O_TRUNC) != O_RDONLY {
            if isReadOnly { throw .readOnlyFileSystem }
            try dropPrivileges(of: target)
        }
        return try host.reopen(target, flags)
    }

    func create(in node: UInt64, _ arguments: inout FUSEArguments) throws(Errno) -> FileReply {
        let parameters = try arguments.take(fuse_create_in.self)
        let name = try arguments.takeName()
        let permissions = try Ownership.permissions(parameters.mode)
        let directory = try descriptor(of: node)
        let (target, file) = try create(name, in: directory, flags: parameters.flags, mode: permissions)
        let handle = try insert(file)
        do throws(Errno) {
            let entry = try entry(name, in: node, target)
            let open = fuse_open_out(fh: handle, open_flags: 0, padding: 0)
            return .bytes(withUnsafeBytes(of: entry) { Array($0) } + withUnsafeBytes(of: open) { Array($0) })
        } catch {
            release(handle)
            throw error
        }
    }

    /// - Returns: the file without and with being open.
    private func create(
        _ name: FileName, in directory: SharedDescriptor, flags: UInt32, mode: mode_t
    ) throws(Errno) -> (SharedDescriptor, SharedDescriptor) {
        let passed = CInt(truncatingIfNeeded: flags) & Self.passedFlags
        guard passed & O_ACCMODE != O_ACCMODE else { throw .invalidArgument }
        do throws(Errno) {
            let file = try HostFiles.create(name, in: directory, passed, mode: mode)
            return (try host.reopen(file, O_PATH, mount: directory.mount), file)
        } catch {
            // It is opened only when it is known to be a regular file.
            guard error == .fileExists, CInt(truncatingIfNeeded: flags) & O_EXCL == 0 else { throw error }
            let target = try HostFiles.find(name, in: directory)
            return (target, try open(target, flags: flags))
        }
    }

    // MARK: Contents, which go straight between the file and the guest's memory

    func read(_ request: ShareRequest) throws(Errno) -> FileReply {
        guard let parameters = request.arguments.load(as: fuse_read_in.self) else { throw .invalidArgument }
        let file = try file(parameters.fh)
        let offset = try Errno.checked(parameters.offset)
        var rest = request.body
        rest.truncate(to: Int(min(parameters.size, FUSENegotiation.largestTransfer)))
        var count = 0
        // A reply that is shorter says that the file ends there.
        while rest.count > 0, let place = Self.place(offset, count) {
            let part = try hostCall {
                preadv(file.descriptor.rawValue, rest.segments.baseAddress, CInt(clamping: rest.count), place)
            }
            if part == 0 { break }
            rest.removeFirst(part)
            count += part
        }
        return .filled(count)
    }

    func write(_ request: ShareRequest) throws(Errno) -> FileReply {
        guard let parameters = request.arguments.load(as: fuse_write_in.self) else { throw .invalidArgument }
        let file = try file(parameters.fh)
        let offset = try Errno.checked(parameters.offset)
        var rest = request.arguments
        rest.removeFirst(MemoryLayout<fuse_write_in>.size)
        // More would take its time, which a reset and the machine's end wait for.
        guard parameters.size <= FUSENegotiation.largestTransfer, rest.byteCount >= Int(parameters.size) else {
            throw .invalidArgument
        }
        rest.truncate(to: Int(parameters.size))
        // What comes from a driver's cache belongs where it says, whichever file it names.
        let isAppending =
            CInt(truncatingIfNeeded: parameters.flags) & O_APPEND != 0
            && parameters.write_flags & UInt32(FUSE_WRITE_CACHE) == 0
        var count = 0
        while rest.count > 0, let place = Self.place(offset, count) {
            let part: Int
            do throws(Errno) {
                part = try hostCall {
                    pwritev2(
                        file.descriptor.rawValue, rest.segments.baseAddress, CInt(clamping: rest.count), place,
                        isAppending ? RWF_APPEND : 0)
                }
            } catch {
                if count > 0 { break }
                throw error
            }
            rest.removeFirst(part)
            count += part
        }
        return .stored(count)
    }

    /// - Returns: nil behind the last byte that a file can have.
    private static func place(_ offset: off_t, _ count: Int) -> off_t? {
        let (place, overflow) = offset.addingReportingOverflow(count)
        return overflow ? nil : place
    }

    func flush(_ handle: UInt64) throws(Errno) -> FileReply {
        // Some file systems say only at a close that a write has failed.
        let copy = try hostCall { [file = try file(handle)] in dup(file.descriptor.rawValue) }
        try hostCall { close(copy) }
        return .empty
    }

    func synchronize(_ parameters: fuse_fsync_in) throws(Errno) -> FileReply {
        let file = try file(parameters.fh)
        let isData = parameters.fsync_flags & UInt32(FUSE_FSYNC_FDATASYNC) != 0
        try hostCall { isData ? fdatasync(file.descriptor.rawValue) : fsync(file.descriptor.rawValue) }
        return .empty
    }

    func synchronizeFileSystem() throws(Errno) -> FileReply {
        // Nothing of a guest that may only read can wait to be written.
        if isReadOnly { return .empty }
        let root = try host.reopen(try descriptor(of: NodeTable.root), O_RDONLY | O_DIRECTORY)
        try hostCall { syncfs(root.rawValue) }
        return .empty
    }

    func allocate(_ parameters: fuse_fallocate_in) throws(Errno) -> FileReply {
        let file = try file(parameters.fh)
        let (offset, length) = (try Errno.checked(parameters.offset), try Errno.checked(parameters.length))
        try hostCall {
            fallocate(file.descriptor.rawValue, CInt(truncatingIfNeeded: parameters.mode), offset, length)
        }
        return .empty
    }

    func seek(_ parameters: fuse_lseek_in) throws(Errno) -> FileReply {
        guard [UInt32(SEEK_DATA), UInt32(SEEK_HOLE)].contains(parameters.whence) else { throw .invalidArgument }
        let file = try file(parameters.fh)
        let offset = try Errno.checked(parameters.offset)
        let found = try hostCall { lseek(file.descriptor.rawValue, offset, CInt(parameters.whence)) }
        return .value(fuse_lseek_out(offset: UInt64(clamping: found)))
    }

    /// Bytes that are copied by one request at most, so that none takes long; the guest asks again for the rest.
    private static let largestCopy: UInt64 = 64 << 20

    func copy(_ parameters: fuse_copy_file_range_in) throws(Errno) -> FileReply {
        guard parameters.flags == 0 else { throw .invalidArgument }
        let (source, destination) = (try file(parameters.fh_in), try file(parameters.fh_out))
        var from = try Errno.checked(parameters.off_in)
        var to = try Errno.checked(parameters.off_out)
        let length = Int(min(parameters.len, Self.largestCopy))
        let count = try hostCall {
            copy_file_range(source.descriptor.rawValue, &from, destination.descriptor.rawValue, &to, length, 0)
        }
        return .value(fuse_write_out(size: UInt32(clamping: count), padding: 0))
    }
}
