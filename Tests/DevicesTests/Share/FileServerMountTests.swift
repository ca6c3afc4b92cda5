import CLinux
import Foundation
import Glibc
import Linux
import SystemPackage
import Testing

@testable import Devices

/// What a guest finds where something is mounted below a shared directory.
struct FileServerMountTests {
    private typealias Guest = ShareGuest

    @Test func theKernelsFileSystemsAreNotReached() throws {
        let root = SharedDescriptor(try OwnedDescriptor.open("/", O_PATH | O_DIRECTORY))
        for name in ["proc", "sys", "dev"] {
            #expect(throws: Errno(rawValue: ENOENT)) { try HostFiles.find(try FileName(Array(name.utf8)), in: root) }
        }
        #expect(throws: ShareError(path: "/proc/self", problem: .proc)) {
            try FileServer(path: "/proc/self", readOnly: true, ShareGuest.limits)
        }
        #expect(!SharedPath.isReachable("/proc/self", in: "/"))
        #expect(SharedPath.isReachable("/etc/passwd", in: "/"))
        #expect(!SharedPath.isReachable("/etc/passwd/none", in: "/"))
        #expect(!SharedPath.isReachable("../etc", in: "/etc"))
    }

    @Test(.enabled(if: canMount, "this takes CAP_SYS_ADMIN, and temporary files on a disk"))
    func filesBelowAMountAreReached() throws {
        try Self.withMounts {
            let guest = try Guest()
            for name in ["from", "on", "memory"] { mkdir(guest.host(name), 0o755) }
            try guest.put("text", "from/file")
            try guest.put("", "plain")
            mkdir(guest.host("from/inner"), 0o755)
            try Self.mount(guest.host("from"), on: guest.host("on"))
            try Self.mount(guest.host("from/file"), on: guest.host("plain"))
            try Self.mount("none", on: guest.host("memory"), type: "tmpfs")
            defer { for name in ["on", "plain", "memory"] { umount2(guest.host(name), CInt(MNT_DETACH)) } }

            let directory = try guest.lookUp("on").nodeid
            let file = try guest.lookUp("file", in: directory)
            #expect(try guest.read(guest.open(file.nodeid, O_RDONLY)) == "text")
            #expect(try guest.read(guest.open(guest.lookUp("plain").nodeid, O_RDONLY)) == "text")
            // Each place has its own node, as a guest's kernel has a directory in one place only.
            #expect(try guest.lookUp("from").nodeid != directory)
            #expect(try guest.lookUp("on").nodeid == directory)
            #expect(try guest.failure(lookingUp: "memory") == ENOENT)
            let new = try guest.create("new", in: directory).entry.nodeid
            #expect(try guest.lookUp("new", in: directory).nodeid == new)
            #expect(try guest.hostStatus("from/new").st_size == 0)

            // Other file systems' names are other file systems' even where the files are the same.
            let away = Guest.bytes(fuse_rename_in(newdir: 1)) + Guest.text("file") + Guest.text("file")
            #expect(try guest.send(FUSE_RENAME, node: directory, away).error == EXDEV)
            #expect(try guest.send(FUSE_RMDIR, Guest.text("on")).error == EBUSY)
            #expect(try guest.send(FUSE_RMDIR, Guest.text("memory")).error == EBUSY)

            #expect(SharedPath.isReachable("on/inner", in: guest.path))
            #expect(!SharedPath.isReachable("memory", in: guest.path))

            // A listing tells only of what is there without a look at other file systems.
            let handle = try guest.send(FUSE_OPENDIR, Guest.bytes(fuse_open_in())).value(fuse_open_out.self).fh
            let listing = try guest.send(FUSE_READDIRPLUS, Guest.readArguments(handle))
            let known = try Self.names(in: listing.bytes).filter { $0.node != 0 }.map(\.name)
            #expect(known == ["from"])
        }
    }

    /// Two files with the same number on two file systems are not one.
    @Test func numbersAreOfOneFileSystem() throws {
        let guest = try Guest()
        let device = guest.server.rootIdentity.device
        #expect(guest.server.inodeNumber(5, on: device) == 5)
        let numbers = Set((1...3).map { guest.server.inodeNumber(2, on: device ^ $0) })
        #expect(numbers.count == 3 && !numbers.contains(2))
        #expect(guest.server.inodeNumber(.max, on: .max) != .max)
    }

    /// The names of a reply to `READDIRPLUS`, in order, but for the dots, with the nodes that the guest was told of.
    private static func names(in bytes: [UInt8]) throws -> [(name: String, node: UInt64)] {
        let head = MemoryLayout<fuse_entry_out>.size
        var found: [(String, UInt64)] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let (node, length) = rest.withUnsafeBytes {
                ($0.loadUnaligned(as: UInt64.self), Int($0.loadUnaligned(fromByteOffset: head + 16, as: UInt32.self)))
            }
            let size = head + FUSESizes.directoryEntry + length
            let name = String(decoding: rest.prefix(size).suffix(length), as: UTF8.self)
            if !name.allSatisfy({ $0 == "." }) { found.append((name, node)) }
            rest = rest.dropFirst((size + 7) & ~7)
        }
        return found.sorted { $0.0 < $1.0 }
    }

    private static let canMount: Bool = {
        let directory = FileManager.default.temporaryDirectory.path
        guard let descriptor = try? OwnedDescriptor.open(directory, O_PATH | O_DIRECTORY) else { return false }
        let isOnDisk = try? MountedFileSystem.isShared(descriptor)
        return isOnDisk == true && (try? withMounts {}) != nil
    }()

    /// Does something on a thread with mounts of its own.
    private static func withMounts(_ body: @escaping @Sendable () throws -> Void) throws {
        let result = ConditionLock<Result<Void, any Error>?>(nil)
        Thread.detachNewThread {
            let outcome = Result {
                try systemCall("unshare") { unshare(CInt(CLONE_NEWNS)) }
                try systemCall("mount") { Glibc.mount(nil, "/", nil, UInt(1 << 14 | 1 << 18), nil) }
                try body()
            }
            result.withLock { $0 = outcome }
        }
        result.wait { $0 != nil }
        try result.withLock { $0 }?.get()
    }

    private static func mount(_ source: String, on target: String, type: String? = nil) throws {
        try systemCall("mount", on: target) {
            Glibc.mount(source, target, type, type == nil ? 4096 : 0, nil)
        }
    }
}
