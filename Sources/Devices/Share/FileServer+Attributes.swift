import CLinux
import Glibc
import SystemPackage

/// What files are like, besides their contents.
extension FileServer {
    func attributes(_ status: stat) -> fuse_attr {
        var attributes = fuse_attr()
        attributes.ino = inodeNumber(UInt64(status.st_ino), on: status.st_dev)
        attributes.size = UInt64(clamping: status.st_size)
        attributes.blocks = UInt64(clamping: status.st_blocks)
        attributes.atime = UInt64(bitPattern: Int64(status.st_atim.tv_sec))
        attributes.mtime = UInt64(bitPattern: Int64(status.st_mtim.tv_sec))
        attributes.ctime = UInt64(bitPattern: Int64(status.st_ctim.tv_sec))
        attributes.atimensec = UInt32(clamping: status.st_atim.tv_nsec)
        attributes.mtimensec = UInt32(clamping: status.st_mtim.tv_nsec)
        attributes.ctimensec = UInt32(clamping: status.st_ctim.tv_nsec)
        attributes.mode = status.st_mode
        attributes.nlink = UInt32(clamping: status.st_nlink)
        attributes.uid = ownership.guestUser(of: status.st_uid)
        attributes.gid = ownership.guestGroup(of: status.st_gid)
        attributes.rdev = UInt32(truncatingIfNeeded: status.st_rdev)
        attributes.blksize = UInt32(clamping: status.st_blksize)
        return attributes
    }

    /// The number by which the guest tells files apart, for which the share is one file system: the host's, and where that is of
    /// another file system than the shared directory, with a number for that in the upper half, which few file systems use.
    func inodeNumber(_ inode: UInt64, on device: dev_t) -> UInt64 { inode ^ UInt64(device ^ rootIdentity.device) << 32 }

    private func reply(_ status: stat) -> FileReply {
        var reply = fuse_attr_out()
        reply.attr_valid = Self.validity
        reply.attr = attributes(status)
        return .value(reply)
    }

    func getAttributes(_ node: UInt64, _ parameters: fuse_getattr_in) throws(Errno) -> FileReply {
        let isOpen = parameters.getattr_flags & UInt32(FUSE_GETATTR_FH) != 0
        return reply(try (isOpen ? try file(parameters.fh).descriptor : try descriptor(of: node)).status())
    }

    func setAttributes(_ node: UInt64, _ parameters: fuse_setattr_in) throws(Errno) -> FileReply {
        func has(_ flag: CInt) -> Bool { parameters.valid & UInt32(flag) != 0 }
        let target = try descriptor(of: node)
        let type = try target.identity().type

        if has(FATTR_MODE) {
            // A link's own mode is of no consequence, and following it is the guest's task.
            guard type != S_IFLNK else { throw .notSupported }
            let mode = try Ownership.permissions(parameters.mode, isDirectory: type == S_IFDIR)
            try host.changeMode(of: target, to: mode)
        }
        if has(FATTR_UID) || has(FATTR_GID) {
            let user = try ownership.hostUser(of: has(FATTR_UID) ? parameters.uid : nil)
            let group = try ownership.hostGroup(of: has(FATTR_GID) ? parameters.gid : nil)
            try hostCall { fchownat(target.rawValue, "", user, group, AT_EMPTY_PATH) }
        }
        if has(FATTR_SIZE) {
            let size = try Errno.checked(parameters.size)
            guard type == S_IFREG else { throw .invalidArgument }
            try dropPrivileges(of: target)
            let file =
                has(FATTR_FH) ? try file(parameters.fh).descriptor : try host.reopen(target, O_WRONLY | O_NONBLOCK)
            try hostCall { ftruncate(file.rawValue, size) }
        }
        if has(FATTR_ATIME) || has(FATTR_MTIME) {
            let times = [
                Self.time(parameters.atime, parameters.atimensec, isSet: has(FATTR_ATIME), isNow: has(FATTR_ATIME_NOW)),
                Self.time(parameters.mtime, parameters.mtimensec, isSet: has(FATTR_MTIME), isNow: has(FATTR_MTIME_NOW)),
            ]
            try hostCall { utimensat(target.rawValue, "", times, AT_EMPTY_PATH) }
        }
        return reply(try target.status())
    }

    private static func time(_ seconds: UInt64, _ nanoseconds: UInt32, isSet: Bool, isNow: Bool) -> timespec {
        // UTIME_OMIT and UTIME_NOW of utimensat(2).
        guard isSet else { return timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2) }
        if isNow { return timespec(tv_sec: 0, tv_nsec: (1 << 30) - 1) }
        return timespec(tv_sec: Int(truncatingIfNeeded: seconds), tv_nsec: Int(min(nanoseconds, 999_999_999)))
    }

    /// Takes the set-user-ID and set-group-ID bits off a file whose contents a guest is about to change: others on the host
    /// would run it with a power that was not given to these contents.
    func dropPrivileges(of file: SharedDescriptor) throws(Errno) {
        let mode = try file.status().st_mode
        guard mode & (S_ISUID | S_ISGID) != 0 else { return }
        try host.changeMode(of: file, to: mode & 0o7777 & ~(S_ISUID | S_ISGID))
    }

    func checkAccess(_ node: UInt64, _ mask: UInt32) throws(Errno) -> FileReply {
        guard mask & ~UInt32(R_OK | W_OK | X_OK) == 0 else { throw .invalidArgument }
        if isReadOnly, mask & UInt32(W_OK) != 0 { throw .readOnlyFileSystem }
        try host.checkAccess(to: try descriptor(of: node), CInt(mask))
        return .empty
    }

    func fileSystemStatus(_ node: UInt64) throws(Errno) -> FileReply {
        let target = try descriptor(of: node)
        var status = statfs()
        try hostCall { fstatfs(target.rawValue, &status) }
        var reply = fuse_statfs_out()
        reply.st.blocks = UInt64(status.f_blocks)
        reply.st.bfree = UInt64(status.f_bfree)
        reply.st.bavail = UInt64(status.f_bavail)
        reply.st.files = UInt64(status.f_files)
        reply.st.ffree = UInt64(status.f_ffree)
        reply.st.bsize = UInt32(clamping: status.f_bsize)
        reply.st.namelen = UInt32(clamping: status.f_namelen)
        reply.st.frsize = UInt32(clamping: status.f_frsize)
        return .value(reply)
    }
}
