import CLinux
import Foundation
import Linux
import Synchronization
import SystemPackage
import Testing

@testable import Devices

/// What a guest must not reach, and what it must not use up.
struct FileServerSafetyTests {
    private typealias Guest = ShareGuest

    private func guest(_ limits: FileServer.Limits = ShareGuest.limits) throws -> ShareGuest {
        let guest = try ShareGuest(limits)
        try Data("secret".utf8).write(to: URL(fileURLWithPath: guest.outside + "/secret"))
        return guest
    }

    @Test(arguments: ["a/b", "../secret", "/etc/passwd", "/", "dir/", "./dir"])
    func aNameIsOneComponent(_ name: String) throws {
        let guest = try guest()
        mkdir(guest.host("dir"), 0o755)
        #expect(try guest.failure(lookingUp: name) == EINVAL)
        #expect(try guest.send(FUSE_CREATE, Guest.createArguments(name)).error == EINVAL)
        #expect(
            try guest.send(FUSE_MKDIR, Guest.bytes(fuse_mkdir_in(mode: 0o755, umask: 0)) + Guest.text(name)).error
                == EINVAL)
        #expect(try guest.send(FUSE_UNLINK, Guest.text(name)).error == EINVAL)
        #expect(try guest.send(FUSE_SYMLINK, Guest.text(name) + Guest.text("x")).error == EINVAL)
        let rename = Guest.bytes(fuse_rename_in(newdir: 1)) + Guest.text("dir") + Guest.text(name)
        #expect(try guest.send(FUSE_RENAME, rename).error == EINVAL)
    }

    @Test func dotsDoNotLeadOut() throws {
        let guest = try guest()
        mkdir(guest.host("dir"), 0o755)
        let directory = try guest.lookUp("dir").nodeid
        #expect(try guest.lookUp("..").nodeid == 1)
        #expect(try guest.lookUp(".").nodeid == 1)
        #expect(try guest.lookUp("..", in: directory).nodeid == 1)
        #expect(try guest.lookUp(".", in: directory).nodeid == directory)
        try guest.forget(directory, 2)
        #expect(guest.server.counts.nodes == 0)
        for name in [".", "..", ""] {
            #expect(try guest.send(FUSE_UNLINK, Guest.text(name)).error == EINVAL)
            #expect(try guest.send(FUSE_RMDIR, Guest.text(name)).error == EINVAL)
            #expect(try guest.send(FUSE_CREATE, Guest.createArguments(name)).error == EINVAL)
        }
    }

    @Test func namesMustEndAndBeShort() throws {
        let guest = try guest()
        #expect(try guest.send(FUSE_LOOKUP, Array("secret".utf8)).error == EINVAL)
        #expect(try guest.send(FUSE_LOOKUP).error == EINVAL)
        #expect(try guest.failure(lookingUp: String(repeating: "n", count: 256)) == ENAMETOOLONG)
        #expect(try guest.failure(lookingUp: String(repeating: "n", count: 255)) == ENOENT)
        #expect(try guest.send(FUSE_LOOKUP, [UInt8](repeating: 1, count: 100_000)).error == E2BIG)
        #expect(try guest.send(FUSE_RENAME, Guest.bytes(fuse_rename_in(newdir: 1)) + Guest.text("one")).error == EINVAL)
    }

    @Test func symbolicLinksAreTheGuestsToFollow() throws {
        let guest = try guest()
        symlink("../secret", guest.host("link"))
        symlink("..", guest.host("up"))
        symlink("/proc/self/root", guest.host("magic"))
        for (name, target) in [("link", "../secret"), ("up", ".."), ("magic", "/proc/self/root")] {
            let entry = try guest.lookUp(name)
            #expect(entry.attr.mode & S_IFMT == S_IFLNK)
            #expect(try guest.send(FUSE_READLINK, node: entry.nodeid).bytes == Array(target.utf8))
            // Nothing goes through it.
            #expect(try guest.failure(lookingUp: "secret", in: entry.nodeid) == ENOTDIR)
            let open = Guest.bytes(fuse_open_in(flags: UInt32(O_RDWR), open_flags: 0))
            #expect(try guest.send(FUSE_OPEN, node: entry.nodeid, open).error == ELOOP)
            #expect(try guest.send(FUSE_OPENDIR, node: entry.nodeid, open).error == ENOTDIR)
            #expect(try guest.send(FUSE_CREATE, Guest.createArguments(name)).error == ELOOP)
            #expect(try guest.send(FUSE_CREATE, node: entry.nodeid, Guest.createArguments("new")).error == ENOTDIR)
            #expect(try guest.setAttributes(entry.nodeid) { $0.valid = UInt32(FATTR_SIZE) }.error == EINVAL)
            #expect(try guest.setAttributes(entry.nodeid) { $0.valid = UInt32(FATTR_MODE) }.error == EOPNOTSUPP)
            let times = try guest.setAttributes(entry.nodeid) {
                $0.valid = UInt32(FATTR_MTIME)
                $0.mtime = 5
            }
            #expect(try times.value(fuse_attr_out.self).attr.mtime == 5)
            // A second name is one of the link itself.
            let second = Guest.bytes(fuse_link_in(oldnodeid: entry.nodeid)) + Guest.text("\(name).2")
            #expect(try guest.send(FUSE_LINK, second).value(fuse_entry_out.self).nodeid == entry.nodeid)
        }
        #expect(try guest.contents("../secret") == "secret")
        #expect(try guest.hostStatus("../secret").st_mtim.tv_sec != 5)
        try guest.send(FUSE_SYMLINK, Guest.text("made") + Guest.text("/etc/passwd")).succeed()
        let made = try guest.lookUp("made").nodeid
        #expect(try guest.send(FUSE_READLINK, node: made).bytes == Array("/etc/passwd".utf8))
    }

    /// A directory and a symbolic link that leads out change places all the time.
    @Test(.timeLimit(.minutes(10)))
    func aSwapDoesNotLeadOut() throws {
        // Without descriptors for more than one file, each path is walked each time.
        let guest = try guest(.init(nodes: 1000, nodeDescriptors: 1, handles: 64))
        mkdir(guest.host("dir"), 0o755)
        mkdir(guest.host("dir/sub"), 0o755)
        try guest.put("inside", "dir/sub/secret")
        mkdir(guest.outside + "/sub", 0o755)
        try Data("outside".utf8).write(to: URL(fileURLWithPath: guest.outside + "/sub/secret"))
        symlink("..", guest.host("swap"))
        let names = (guest.host("dir"), guest.host("swap"))
        let isDone = SwapFlag()
        let swapper = try NativeThread(name: "swap") {
            while !isDone.flag.load(ordering: .relaxed) {
                rename_between(AT_FDCWD, names.0, AT_FDCWD, names.1, UInt32(RENAME_EXCHANGE))
            }
        }
        var (inside, failed) = (0, 0)
        for _ in 0..<3000 {
            guard let directory = try? guest.lookUp("dir"),
                let sub = try? guest.lookUp("sub", in: directory.nodeid),
                let file = try? guest.lookUp("secret", in: sub.nodeid),
                let handle = try? guest.open(file.nodeid, O_RDONLY)
            else {
                failed += 1
                continue
            }
            #expect(try guest.read(handle) == "inside")
            inside += 1
            try guest.release(handle)
        }
        isDone.flag.store(true, ordering: .relaxed)
        swapper.join()
        #expect(inside > 0 && failed > 0, "\(inside) were found, \(failed) were not")
    }

    private final class SwapFlag: Sendable {
        let flag = Atomic<Bool>(false)
    }

    @Test func descriptorsAreLimitedAndFilesAreFoundAgain() throws {
        let guest = try guest(.init(nodes: 10_000, nodeDescriptors: 16, handles: 8))
        mkdir(guest.host("dir"), 0o755)
        let directory = try guest.lookUp("dir").nodeid
        var nodes: [UInt64] = []
        for index in 0..<2000 {
            try guest.put("\(index)", "dir/\(index)")
            nodes.append(try guest.lookUp("\(index)", in: directory).nodeid)
        }
        #expect(guest.server.counts.descriptors <= 16)
        #expect(guest.hostDescriptors < 30)
        for (index, node) in nodes.enumerated().reversed() {
            #expect(try guest.attributes(node).size == UInt64("\(index)".count))
        }
        // Renamed by the guest, a directory is where it was put.
        let rename = Guest.bytes(fuse_rename_in(newdir: 1)) + Guest.text("dir") + Guest.text("moved")
        try guest.send(FUSE_RENAME, rename).succeed()
        let handle = try guest.open(nodes[77], O_RDONLY)
        #expect(try guest.read(handle) == "77")

        // What is another file by now is not taken for the one that was there.
        for index in 0..<100 {
            try guest.put("the other", "other")
            try #require(Glibc.rename(guest.host("other"), guest.host("moved/\(index)")) == 0)
        }
        let stale = try guest.send(FUSE_GETATTR, node: nodes[90], Guest.bytes(fuse_getattr_in()))
        #expect(stale.error == ESTALE)

        for node in nodes { try guest.forget(node) }
        try guest.forget(directory)
        try guest.release(handle)
        #expect(guest.server.counts == (0, 0, 0))
    }

    @Test func whatIsUnlinkedStaysUsable() throws {
        let guest = try guest(.init(nodes: 1000, nodeDescriptors: 16, handles: 64))
        let (entry, handle) = try guest.create("file")
        try guest.write(handle, "text").succeed()
        try guest.put("by another", "other")
        let other = try guest.lookUp("other").nodeid
        try guest.send(FUSE_UNLINK, Guest.text("file")).succeed()
        let rename = Guest.bytes(fuse_rename_in(newdir: 1)) + Guest.text("other") + Guest.text("file")
        try guest.send(FUSE_RENAME, rename).succeed()
        // Others use up the descriptors.
        for index in 0..<100 {
            try guest.put("", "\(index)")
            _ = try guest.lookUp("\(index)")
        }
        #expect(try guest.attributes(entry.nodeid).nlink == 0)
        #expect(try guest.read(handle) == "text")
        #expect(try guest.attributes(other).size == 10)
        try guest.release(handle)
        try guest.forget(entry.nodeid)
        #expect(guest.server.counts.descriptors <= 16)
    }

    @Test func aGuestCannotKnowOrOpenTooMuch() throws {
        let guest = try guest(.init(nodes: 10, nodeDescriptors: 64, handles: 4))
        var entries: [fuse_entry_out] = []
        for index in 0..<12 {
            try guest.put("", "\(index)")
            if index < 10 { entries.append(try guest.lookUp("\(index)")) }
        }
        #expect(try guest.failure(lookingUp: "11") == ENFILE)
        try guest.forget(entries[0].nodeid)
        #expect(try guest.failure(lookingUp: "11") == 0)
        for _ in 0..<4 { _ = try guest.open(entries[1].nodeid, O_RDONLY) }
        let open = Guest.bytes(fuse_open_in(flags: 0, open_flags: 0))
        #expect(try guest.send(FUSE_OPEN, node: entries[1].nodeid, open).error == ENFILE)
        let before = guest.hostDescriptors
        guest.server.reset()
        #expect(guest.hostDescriptors < before && guest.server.counts == (0, 0, 0))
    }

    /// A machine's end waits for what is under way.
    @Test func transfersAreNoLongerThanAgreed() throws {
        let guest = try Guest()
        let handle = try guest.create("file").handle
        truncate(guest.host("file"), 8 << 20)
        let most = Int(FUSENegotiation.largestTransfer)
        let reply = try guest.send(FUSE_READ, Guest.readArguments(handle, size: .max), room: 4 << 20)
        #expect(reply.bytes.count == most)
        var parameters = fuse_write_in()
        parameters.fh = handle
        for (count, error) in [(most, 0), (most + 1, EINVAL)] as [(Int, CInt)] {
            parameters.size = UInt32(count)
            let bytes = Guest.bytes(parameters) + [UInt8](repeating: 1, count: count)
            #expect(try guest.send(FUSE_WRITE, bytes).error == error)
        }
    }

    /// What a guest leaves unread of a listing is kept for it.
    @Test func littleIsKeptOfADirectoryThatIsOpen() throws {
        let guest = try Guest()
        for number in 0..<2000 { try guest.put("", "\(number)") }
        let handle = try guest.send(FUSE_OPENDIR, Guest.bytes(fuse_open_in())).value(fuse_open_out.self).fh
        let first = try guest.send(FUSE_READDIR, Guest.readArguments(handle, size: 64), room: 64)
        #expect(!first.bytes.isEmpty)
        let unread = try guest.server.file(handle).listing.withLock { $0.unread.count }
        #expect((1...200).contains(unread))
        // A reply as long as may be has more than that at once.
        let whole = try guest.send(FUSE_READDIR, Guest.readArguments(handle, size: 1 << 16), room: 1 << 16)
        #expect(whole.bytes.count > 60_000)
    }

    @Test func repliesWithoutRoomDoNothing() throws {
        let guest = try guest()
        for opcode in [FUSE_CREATE, FUSE_MKDIR, FUSE_MKNOD, FUSE_SYMLINK, FUSE_LOOKUP, FUSE_OPEN, FUSE_GETATTR] {
            for room in [0, 8] {
                #expect(try guest.send(opcode, [UInt8](repeating: 0x41, count: 20) + [0], room: room).error == EINVAL)
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: guest.path).isEmpty)
        let (_, handle) = try guest.create("file")
        try guest.write(handle, "0123456789").succeed()
        #expect(try guest.send(FUSE_READ, Guest.readArguments(handle, size: .max), room: 4).bytes.count == 4)
        #expect(try guest.send(FUSE_READ, Guest.readArguments(handle, size: 0), room: 4).bytes.isEmpty)
    }

    /// Arguments of every length for every request, with anything in them.
    @Test func shortAndWildArgumentsAreSurvived() throws {
        let guest = try guest()
        try guest.put("text", "file")
        let node = try guest.lookUp("file").nodeid
        var random = SystemRandomNumberGenerator()
        for opcode in 1...60 as ClosedRange<UInt32> where opcode != FUSE_DESTROY.rawValue {
            for length in [0, 1, 4, 7, 8, 15, 16, 24, 40, 64, 88, 100, 300] {
                let zeros = [UInt8](repeating: 0, count: length)
                let wild = zeros.map { _ in UInt8.random(in: 0...255, using: &random) }
                for arguments in [zeros, zeros.map { _ in 0xFF }, wild] {
                    for node in [0, 1, node, .max, 1 << 32 | 1] {
                        _ = try guest.send(fuse_opcode(rawValue: opcode), node: node, arguments)
                    }
                }
            }
        }
        #expect(try guest.contents("../secret") == "secret")
    }
}
