import CLinux
import Foundation
import Testing

@testable import Devices

/// Every request of the protocol, against a directory.
struct FileServerTests {
    private typealias Guest = ShareGuest

    @Test func agreesOnTheProtocol() throws {
        let guest = try ShareGuest(initialize: false)
        #expect(try guest.send(FUSE_GETATTR, Guest.bytes(fuse_getattr_in())).error == EPROTO)
        #expect(try guest.send(FUSE_INIT, Guest.bytes(fuse_init_in.with(major: 6, minor: 1))).error == EPROTO)
        #expect(try guest.send(FUSE_INIT, Guest.bytes(fuse_init_in.with(minor: 30))).error == EPROTO)
        // Of a later major version only the version is told.
        let later = try guest.send(FUSE_INIT, Guest.bytes(fuse_init_in.with(major: 8, minor: 0)))
        #expect(try later.value(fuse_init_out.self).flags == 0)
        #expect(try guest.send(FUSE_GETATTR, Guest.bytes(fuse_getattr_in())).error == EPROTO)

        // The words that older drivers end at.
        let request = Array(Guest.bytes(fuse_init_in.with(minor: 31)).prefix(16))
        let reply = try guest.send(FUSE_INIT, request).value(fuse_init_out.self)
        #expect(reply.major == 7 && reply.max_pages == 256 && reply.max_write == 1 << 20)
        for flag in [FUSE_DO_READDIRPLUS, FUSE_PARALLEL_DIROPS, FUSE_MAX_PAGES, FUSE_ATOMIC_O_TRUNC] {
            #expect(reply.flags & UInt32(flag) != 0)
        }
        for flag in [FUSE_POSIX_LOCKS, FUSE_FLOCK_LOCKS, FUSE_WRITEBACK_CACHE, FUSE_POSIX_ACL] {
            #expect(reply.flags & UInt32(flag) == 0)
        }
        #expect(try guest.attributes(1).mode & S_IFMT == S_IFDIR)
        try guest.send(FUSE_DESTROY).succeed()
        #expect(try guest.send(FUSE_GETATTR, Guest.bytes(fuse_getattr_in())).error == EPROTO)
    }

    @Test func looksUpAndForgets() throws {
        let guest = try ShareGuest()
        try guest.put("text", "file")
        let entry = try guest.lookUp("file")
        #expect(entry.attr.size == 4 && entry.attr.mode & S_IFMT == S_IFREG && entry.nodeid > 1)
        #expect(entry.entry_valid > 0 && entry.attr_valid > 0)
        #expect(try guest.lookUp("file").nodeid == entry.nodeid)
        #expect(try guest.failure(lookingUp: "other") == ENOENT)
        let before = guest.hostDescriptors
        try guest.forget(entry.nodeid)
        #expect(try guest.attributes(entry.nodeid).size == 4)
        try guest.forget(entry.nodeid)
        #expect(guest.server.counts.nodes == 0)
        #expect(guest.hostDescriptors == before - 1)
        #expect(try guest.send(FUSE_GETATTR, node: entry.nodeid, Guest.bytes(fuse_getattr_in())).error == ESTALE)
        // A number does not come again.
        #expect(try guest.lookUp("file").nodeid != entry.nodeid)
    }

    @Test func forgetsMany() throws {
        let guest = try ShareGuest()
        var list: [UInt8] = []
        for index in 0..<10 {
            try guest.put("", "file\(index)")
            list += Guest.bytes(fuse_forget_one(nodeid: try guest.lookUp("file\(index)").nodeid, nlookup: 1))
        }
        #expect(guest.server.counts.nodes == 10)
        // It says that there are more.
        let head = fuse_batch_forget_in(count: .max, dummy: 0)
        #expect(try guest.send(FUSE_BATCH_FORGET, Guest.bytes(head) + list, room: 0).written == 0)
        #expect(guest.server.counts == (0, 0, 0))
    }

    @Test func recognisesHardLinks() throws {
        let guest = try ShareGuest()
        let (entry, _) = try guest.create("one")
        let arguments = Guest.bytes(fuse_link_in(oldnodeid: entry.nodeid)) + Guest.text("two")
        let other = try guest.send(FUSE_LINK, arguments).value(fuse_entry_out.self)
        #expect(other.nodeid == entry.nodeid && other.attr.nlink == 2 && other.attr.ino == entry.attr.ino)
        try guest.send(FUSE_UNLINK, Guest.text("one")).succeed()
        #expect(try guest.lookUp("two").nodeid == entry.nodeid)
        #expect(try guest.attributes(entry.nodeid).nlink == 1)
    }

    @Test func makesReadsAndWritesFiles() throws {
        let guest = try ShareGuest()
        let (entry, handle) = try guest.create("file")
        #expect(try guest.write(handle, "hello world").value(fuse_write_out.self).size == 11)
        #expect(try guest.contents("file") == "hello world")
        #expect(try guest.read(handle) == "hello world")
        #expect(try guest.read(handle, at: 6, size: 3) == "wor")
        #expect(try guest.read(handle, at: 100) == "")
        try guest.release(handle)
        #expect(try guest.send(FUSE_READ, Guest.readArguments(handle)).error == EBADF)

        let reader = try guest.open(entry.nodeid, O_RDONLY)
        #expect(try guest.write(reader, "x").error == EBADF)
        let appender = try guest.open(entry.nodeid, O_WRONLY | O_APPEND)
        try guest.put("longer than the guest knows", "file")
        let again = try guest.open(try guest.lookUp("file").nodeid, O_WRONLY | O_APPEND)
        try guest.write(again, "!", at: 3, flags: O_WRONLY | O_APPEND).succeed()
        #expect(try guest.contents("file") == "longer than the guest knows!")
        for handle in [reader, appender, again] { try guest.release(handle) }
        #expect(guest.server.counts.handles == 0)

        _ = try guest.create("file", flags: O_RDWR | O_TRUNC)
        #expect(try guest.contents("file") == "")
        #expect(try guest.send(FUSE_CREATE, Guest.createArguments("file", flags: O_RDWR | O_EXCL)).error == EEXIST)
    }

    @Test func offsetsOutOfRangeAreRefused() throws {
        let guest = try ShareGuest()
        let (entry, handle) = try guest.create("file")
        #expect(try guest.send(FUSE_READ, Guest.readArguments(handle, offset: .max)).error == EINVAL)
        #expect(try guest.write(handle, "x", at: .max).error == EINVAL)
        #expect(try guest.write(handle, "x", at: UInt64(Int64.max)).error != 0)
        let size = try guest.setAttributes(entry.nodeid) {
            $0.valid = UInt32(FATTR_SIZE)
            $0.size = .max
        }
        #expect(size.error == EINVAL)
        var range = fuse_fallocate_in()
        range.fh = handle
        range.length = .max
        #expect(try guest.send(FUSE_FALLOCATE, Guest.bytes(range)).error == EINVAL)
        range.length = 0
        #expect(try guest.send(FUSE_FALLOCATE, Guest.bytes(range)).error == EINVAL)
        var copy = fuse_copy_file_range_in()
        (copy.fh_in, copy.fh_out, copy.off_in, copy.len) = (handle, handle, .max, .max)
        #expect(try guest.send(FUSE_COPY_FILE_RANGE, Guest.bytes(copy)).error == EINVAL)
        // A write whose data is not there.
        var parameters = fuse_write_in()
        parameters.fh = handle
        parameters.size = 100
        #expect(try guest.send(FUSE_WRITE, Guest.bytes(parameters) + [1, 2, 3]).error == EINVAL)
        #expect(try guest.hostStatus("file").st_size == 0)
    }

    @Test func allocatesSeeksAndCopies() throws {
        let guest = try ShareGuest()
        let (_, handle) = try guest.create("file")
        var range = fuse_fallocate_in()
        range.fh = handle
        range.length = 1 << 20
        try guest.send(FUSE_FALLOCATE, Guest.bytes(range)).succeed()
        #expect(try guest.hostStatus("file").st_size == 1 << 20)

        try guest.write(handle, "data", at: 8 << 20).succeed()
        var seek = fuse_lseek_in()
        (seek.fh, seek.offset, seek.whence) = (handle, 8 << 20, UInt32(SEEK_DATA))
        #expect(try guest.send(FUSE_LSEEK, Guest.bytes(seek)).value(fuse_lseek_out.self).offset == 8 << 20)
        seek.whence = UInt32(SEEK_SET)
        #expect(try guest.send(FUSE_LSEEK, Guest.bytes(seek)).error == EINVAL)

        let (_, other) = try guest.create("copy")
        var copy = fuse_copy_file_range_in()
        (copy.fh_in, copy.off_in, copy.fh_out, copy.len) = (handle, 8 << 20, other, 1 << 40)
        #expect(try guest.send(FUSE_COPY_FILE_RANGE, Guest.bytes(copy)).value(fuse_write_out.self).size == 4)
        #expect(try guest.contents("copy") == "data")

        var flush = fuse_flush_in()
        flush.fh = handle
        try guest.send(FUSE_FLUSH, Guest.bytes(flush)).succeed()
        for flags in [0, 1] as [UInt32] {
            try guest.send(FUSE_FSYNC, Guest.bytes(fuse_fsync_in(fh: handle, fsync_flags: flags, padding: 0))).succeed()
        }
        try guest.send(FUSE_SYNCFS, Guest.bytes(UInt64(0))).succeed()
    }

    @Test func setsAttributes() throws {
        let guest = try ShareGuest()
        let (entry, handle) = try guest.create("file", mode: 0o600)
        try guest.write(handle, "0123456789").succeed()
        let reply = try guest.setAttributes(entry.nodeid) {
            $0.valid = UInt32(FATTR_MODE | FATTR_SIZE | FATTR_MTIME | FATTR_ATIME | FATTR_UID | FATTR_GID)
            ($0.mode, $0.size, $0.mtime, $0.mtimensec, $0.atime) = (0o640, 5, 1_000_000_000, 5, 7)
        }
        let attributes = try reply.value(fuse_attr_out.self).attr
        #expect(attributes.mode == S_IFREG | 0o640 && attributes.size == 5 && attributes.uid == 0)
        #expect(attributes.mtime == 1_000_000_000 && attributes.mtimensec == 5 && attributes.atime == 7)
        let status = try guest.hostStatus("file")
        #expect(status.st_mode == S_IFREG | 0o640 && status.st_size == 5 && status.st_mtim.tv_sec == 1_000_000_000)

        let now = try guest.setAttributes(entry.nodeid) { $0.valid = UInt32(FATTR_MTIME | FATTR_MTIME_NOW) }
        #expect(try now.value(fuse_attr_out.self).attr.mtime > 1_700_000_000)
        #expect(try guest.attributes(entry.nodeid).atime == 7)
        let byHandle = try guest.setAttributes(entry.nodeid) {
            $0.valid = UInt32(FATTR_SIZE | FATTR_FH)
            ($0.fh, $0.size) = (handle, 1)
        }
        #expect(try byHandle.value(fuse_attr_out.self).attr.size == 1)
        #expect(try guest.setAttributes(1) { $0.valid = UInt32(FATTR_SIZE) }.error == EINVAL)
    }

    @Test func othersOwnNothing() throws {
        let guest = try ShareGuest()
        let (entry, _) = try guest.create("file")
        #expect(entry.attr.uid == 0 && entry.attr.gid == 0)
        #expect(try guest.hostStatus("file").st_uid == geteuid())
        let reply = try guest.setAttributes(entry.nodeid) {
            $0.valid = UInt32(FATTR_UID)
            $0.uid = 1000
        }
        #expect(reply.error == EPERM)
        let ownership = Ownership()
        #expect(ownership.guestUser(of: geteuid() &+ 1) == 65534)
    }

    @Test func nothingRunsWithOthersPowers() throws {
        let guest = try ShareGuest()
        let setUser: UInt32 = S_IFREG | S_ISUID | 0o755
        #expect(try guest.send(FUSE_CREATE, Guest.createArguments("file", mode: setUser)).error == EPERM)
        let node = fuse_mknod_in(mode: S_IFREG | S_ISGID | 0o755, rdev: 0, umask: 0, padding: 0)
        #expect(try guest.send(FUSE_MKNOD, Guest.bytes(node) + Guest.text("file")).error == EPERM)
        let (entry, handle) = try guest.create("file", mode: 0o755)
        try guest.release(handle)
        let reply = try guest.setAttributes(entry.nodeid) {
            $0.valid = UInt32(FATTR_MODE)
            $0.mode = setUser
        }
        #expect(reply.error == EPERM)
        // What the host has given loses it as soon as a guest may write.
        chmod(guest.host("file"), S_ISUID | 0o755)
        try guest.release(try guest.open(entry.nodeid, O_RDONLY))
        #expect(try guest.hostStatus("file").st_mode & S_ISUID != 0)
        try guest.release(try guest.open(entry.nodeid, O_WRONLY))
        #expect(try guest.hostStatus("file").st_mode == S_IFREG | 0o755)
    }

    @Test func makesAndRemovesDirectories() throws {
        let guest = try ShareGuest()
        let arguments = Guest.bytes(fuse_mkdir_in(mode: 0o755, umask: 0)) + Guest.text("dir")
        let directory = try guest.send(FUSE_MKDIR, arguments).value(fuse_entry_out.self)
        #expect(directory.attr.mode & S_IFMT == S_IFDIR)
        #expect(try guest.send(FUSE_MKDIR, arguments).error == EEXIST)
        _ = try guest.create("file", in: directory.nodeid)
        #expect(try guest.send(FUSE_RMDIR, Guest.text("dir")).error == ENOTEMPTY)
        try guest.send(FUSE_UNLINK, node: directory.nodeid, Guest.text("file")).succeed()
        try guest.send(FUSE_RMDIR, Guest.text("dir")).succeed()
        #expect(try guest.failure(lookingUp: "dir") == ENOENT)
    }

    @Test func makesSpecialFilesThatHaveNoDevice() throws {
        let guest = try ShareGuest()
        func make(_ type: UInt32) throws -> ShareGuest.Reply {
            let node = fuse_mknod_in(mode: type | 0o644, rdev: 0x0103, umask: 0, padding: 0)
            return try guest.send(FUSE_MKNOD, Guest.bytes(node) + Guest.text("node\(type)"))
        }
        for type: UInt32 in [S_IFREG, S_IFIFO, S_IFSOCK] {
            #expect(try make(type).value(fuse_entry_out.self).attr.mode & S_IFMT == type)
        }
        for type: UInt32 in [S_IFCHR, S_IFBLK, S_IFDIR, S_IFLNK] { #expect(try make(type).error == EPERM) }
    }

    @Test(.timeLimit(.minutes(10)))
    func onlyRegularFilesAreOpened() throws {
        let guest = try ShareGuest()
        mkfifo(guest.host("fifo"), 0o600)
        let fifo = try guest.lookUp("fifo").nodeid
        for flags in [O_RDONLY, O_WRONLY, O_RDWR] {
            let parameters = Guest.bytes(fuse_open_in(flags: UInt32(flags), open_flags: 0))
            #expect(try guest.send(FUSE_OPEN, node: fifo, parameters).error == EACCES)
        }
        #expect(try guest.send(FUSE_CREATE, Guest.createArguments("fifo")).error == EACCES)
        #expect(try guest.setAttributes(fifo) { $0.valid = UInt32(FATTR_SIZE) }.error == EINVAL)
        let open = Guest.bytes(fuse_open_in(flags: 0, open_flags: 0))
        #expect(try guest.send(FUSE_OPEN, open).error == EISDIR)
        #expect(try guest.send(FUSE_OPENDIR, node: fifo, open).error == ENOTDIR)
    }

    @Test func renames() throws {
        let guest = try ShareGuest()
        try guest.put("a", "a")
        try guest.put("b", "b")
        let (first, second) = (try guest.lookUp("a").nodeid, try guest.lookUp("b").nodeid)
        func rename(_ from: String, _ to: String, _ flags: UInt32) throws -> ShareGuest.Reply {
            let parameters = fuse_rename2_in(newdir: 1, flags: flags, padding: 0)
            return try guest.send(FUSE_RENAME2, Guest.bytes(parameters) + Guest.text(from) + Guest.text(to))
        }
        #expect(try rename("a", "b", UInt32(RENAME_NOREPLACE)).error == EEXIST)
        #expect(try rename("a", "b", 4).error == EINVAL)
        try rename("a", "b", UInt32(RENAME_EXCHANGE)).succeed()
        #expect(try guest.lookUp("a").nodeid == second)
        #expect(try guest.contents("b") == "a")
        let plain = Guest.bytes(fuse_rename_in(newdir: 1)) + Guest.text("b") + Guest.text("c")
        try guest.send(FUSE_RENAME, plain).succeed()
        #expect(try guest.lookUp("c").nodeid == first)
        #expect(try guest.send(FUSE_RENAME, plain).error == ENOENT)
    }

    @Test func listsDirectories() throws {
        let guest = try ShareGuest()
        let names = Set((0..<100).map { "a file with a name of some length \($0)" })
        for name in names { try guest.put("", name) }
        mkdir(guest.host("directory"), 0o755)
        let open = Guest.bytes(fuse_open_in(flags: 0, open_flags: 0))
        let handle = try guest.send(FUSE_OPENDIR, open).value(fuse_open_out.self).fh
        for (opcode, head) in [(FUSE_READDIR, 0), (FUSE_READDIRPLUS, MemoryLayout<fuse_entry_out>.size)] {
            var found: Set<String> = []
            var offset: UInt64 = 0
            var told = 0
            while true {
                let reply = try guest.send(opcode, Guest.readArguments(handle, offset: offset, size: 1000))
                try reply.succeed()
                #expect(reply.bytes.count <= 1000)
                if reply.bytes.isEmpty { break }
                var place = 0
                while place < reply.bytes.count {
                    if head > 0, try reply.value(fuse_entry_out.self, at: place).nodeid != 0 { told += 1 }
                    place += head
                    offset = try reply.value(UInt64.self, at: place + 8)
                    let length = Int(try reply.value(UInt32.self, at: place + 16))
                    let name = String(decoding: reply.bytes[place + 24..<place + 24 + length], as: UTF8.self)
                    if name == "directory" { #expect(try reply.value(UInt32.self, at: place + 20) == 4) }
                    #expect(found.insert(name).inserted)
                    place = (place + 24 + length + 7) / 8 * 8
                }
            }
            #expect(found == names.union([".", "..", "directory"]))
            #expect(told == (head > 0 ? 101 : 0))
        }
        #expect(guest.server.counts.nodes == 101)
        let small = try guest.send(FUSE_READDIR, Guest.readArguments(handle, size: 8))
        #expect(small.error == EINVAL)
        try guest.send(FUSE_FSYNCDIR, Guest.bytes(fuse_fsync_in(fh: handle, fsync_flags: 0, padding: 0))).succeed()
        try guest.release(handle, FUSE_RELEASEDIR)
    }

    @Test func hasUsersExtendedAttributes() throws {
        let guest = try ShareGuest()
        let (entry, _) = try guest.create("file")
        func set(_ name: String, _ value: String) throws -> CInt {
            let head = Guest.bytes(UInt32(value.utf8.count)) + Guest.bytes(UInt32(0))
            return try guest.send(FUSE_SETXATTR, node: entry.nodeid, head + Guest.text(name) + Array(value.utf8)).error
        }
        func get(_ name: String, size: UInt32) throws -> ShareGuest.Reply {
            let head = Guest.bytes(fuse_getxattr_in(size: size, padding: 0))
            return try guest.send(FUSE_GETXATTR, node: entry.nodeid, head + Guest.text(name))
        }
        try #require(try set("user.key", "value") == 0)
        #expect(try get("user.key", size: 0).value(fuse_getxattr_out.self).size == 5)
        #expect(try get("user.key", size: 100).bytes == Array("value".utf8))
        #expect(try get("user.key", size: 2).error == ERANGE)
        #expect(try get("user.other", size: 100).error == ENODATA)
        for name in ["security.capability", "trusted.overlay.opaque", "system.posix_acl_access", "key", ""] {
            #expect(try set(name, "value") == EOPNOTSUPP)
            #expect(try get(name, size: 100).error == EOPNOTSUPP)
        }
        let list = try guest.send(
            FUSE_LISTXATTR, node: entry.nodeid, Guest.bytes(fuse_getxattr_in(size: 100, padding: 0)))
        #expect(list.bytes == Guest.text("user.key"))
        try guest.send(FUSE_REMOVEXATTR, node: entry.nodeid, Guest.text("user.key")).succeed()
        #expect(try get("user.key", size: 100).error == ENODATA)
    }

    @Test func tellsOfTheFileSystemAndAccess() throws {
        let guest = try ShareGuest()
        let status = try guest.send(FUSE_STATFS).value(fuse_statfs_out.self).st
        #expect(status.blocks > 0 && status.namelen >= 255 && status.bsize > 0)
        try guest.send(FUSE_ACCESS, Guest.bytes(fuse_access_in(mask: UInt32(R_OK | W_OK), padding: 0))).succeed()
        #expect(try guest.send(FUSE_ACCESS, Guest.bytes(fuse_access_in(mask: 0x80, padding: 0))).error == EINVAL)
    }

    @Test func otherRequestsAreUnknown() throws {
        let guest = try ShareGuest()
        for opcode in [FUSE_GETLK, FUSE_SETLK, FUSE_SETLKW, FUSE_BMAP, FUSE_IOCTL, FUSE_POLL, FUSE_SETUPMAPPING] {
            #expect(try guest.send(opcode, [UInt8](repeating: 0, count: 64)).error == ENOSYS)
        }
        for opcode in [0, 7, 4096, .max] as [UInt32] {
            #expect(try guest.send(fuse_opcode(rawValue: opcode)).error == ENOSYS)
        }
        #expect(try guest.send(FUSE_INTERRUPT, Guest.bytes(fuse_interrupt_in(unique: 1)), room: 0).written == 0)
    }

    @Test func aReadOnlyShareIsNotChanged() throws {
        let guest = try ShareGuest(readOnly: true)
        try guest.put("text", "file")
        let file = try guest.lookUp("file").nodeid
        let handle = try guest.open(file, O_RDONLY)
        #expect(try guest.read(handle) == "text")
        let before = try guest.hostStatus("file")

        let name = Guest.text("new")
        let requests: [(fuse_opcode, UInt64, [UInt8])] = [
            (FUSE_SYMLINK, 1, name + Guest.text("target")),
            (FUSE_MKNOD, 1, Guest.bytes(fuse_mknod_in(mode: S_IFREG | 0o644, rdev: 0, umask: 0, padding: 0)) + name),
            (FUSE_MKDIR, 1, Guest.bytes(fuse_mkdir_in(mode: 0o755, umask: 0)) + name),
            (FUSE_UNLINK, 1, Guest.text("file")), (FUSE_RMDIR, 1, Guest.text("file")),
            (FUSE_RENAME, 1, Guest.bytes(fuse_rename_in(newdir: 1)) + Guest.text("file") + name),
            (
                FUSE_RENAME2, 1,
                Guest.bytes(fuse_rename2_in(newdir: 1, flags: 0, padding: 0)) + Guest.text("file") + name
            ),
            (FUSE_LINK, 1, Guest.bytes(fuse_link_in(oldnodeid: file)) + name),
            (FUSE_CREATE, 1, Guest.createArguments("new")), (FUSE_CREATE, 1, Guest.createArguments("file")),
            (FUSE_OPEN, file, Guest.bytes(fuse_open_in(flags: UInt32(O_WRONLY), open_flags: 0))),
            (FUSE_OPEN, file, Guest.bytes(fuse_open_in(flags: UInt32(O_RDWR), open_flags: 0))),
            (FUSE_OPEN, file, Guest.bytes(fuse_open_in(flags: UInt32(O_RDONLY | O_TRUNC), open_flags: 0))),
            (FUSE_SETXATTR, file, Guest.bytes(UInt64(1)) + Guest.text("user.a") + [1]),
            (FUSE_REMOVEXATTR, file, Guest.text("user.a")),
            (FUSE_FALLOCATE, file, Guest.bytes(fuse_fallocate_in())),
            (FUSE_COPY_FILE_RANGE, file, Guest.bytes(fuse_copy_file_range_in())),
            (FUSE_ACCESS, file, Guest.bytes(fuse_access_in(mask: UInt32(W_OK), padding: 0))),
        ]
        for (opcode, node, arguments) in requests {
            #expect(try guest.send(opcode, node: node, arguments).error == EROFS, "\(opcode)")
        }
        #expect(try guest.write(handle, "x").error == EROFS)
        for flag in [FATTR_MODE, FATTR_SIZE, FATTR_MTIME | FATTR_MTIME_NOW, FATTR_UID] {
            #expect(try guest.setAttributes(file) { $0.valid = UInt32(flag) }.error == EROFS)
        }
        let after = try guest.hostStatus("file")
        #expect(after.st_ctim.tv_nsec == before.st_ctim.tv_nsec && after.st_size == 4)
        #expect(try FileManager.default.contentsOfDirectory(atPath: guest.path) == ["file"])
    }
}
