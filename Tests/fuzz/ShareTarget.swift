import CLinux
import Glibc
import Linux
import VirtioTesting

@testable import Devices
@testable import Virtio

/// The FUSE server: an input is a series of requests, each with two bytes for the length of its arguments, two for the
/// reply's room, and its header's opcode and node.
///
/// Each input gets a server and a directory of its own, with a file and a directory in it, and beside it a file that no
/// request may change.
struct ShareTarget: FuzzTarget {
    private let place = "/dev/shm/swiftlet-fuzz-share.\(getpid())"
    private static let secret: off_t = 6

    func run(_ input: UnsafeRawBufferPointer) {
        // A file of any size would take memory.
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        limit.rlim_cur = min(1 << 20, limit.rlim_max)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        makeFiles()
        defer { removeFiles() }
        guard
            let server = try? FileServer(
                path: place + "/share", readOnly: false, .init(nodes: 64, nodeDescriptors: 4, handles: 8))
        else { fatalError("the host has run out of something") }
        send(FUSE_INIT.rawValue, node: 1, Self.initialization, room: 4096, to: server)
        var reader = InputReader(input)
        for _ in 0..<64 where !reader.isEmpty {
            let (length, room) = (reader.take(UInt16.self), reader.take(UInt16.self))
            let (opcode, node) = (reader.take(UInt8.self), reader.take(UInt8.self))
            send(UInt32(opcode), node: UInt64(node), Array(reader.take(Int(length))), room: Int(room), to: server)
        }
        var status = stat()
        guard stat(place + "/secret", &status) == 0, status.st_size == Self.secret else {
            fatalError("a request has reached beyond the share")
        }
        server.reset()
        guard server.counts == (0, 0, 0) else { fatalError("something is left") }
    }

    private static let initialization: [UInt8] = {
        var request = fuse_init_in()
        (request.major, request.minor, request.flags) = (7, 38, .max)
        return withUnsafeBytes(of: request) { Array($0) }
    }()

    private func makeFiles() {
        mkdir(place, 0o755)
        mkdir(place + "/share", 0o755)
        mkdir(place + "/share/d", 0o755)
        for (name, text) in [("/secret", "secret"), ("/share/f", "text")] {
            guard let file = try? OwnedDescriptor.open(place + name, O_WRONLY | O_CREAT | O_TRUNC) else { continue }
            write(file.rawValue, text, text.utf8.count)
        }
        symlink("../secret", place + "/share/l")
    }

    private func removeFiles() {
        Self.empty(open(place, O_RDONLY | O_DIRECTORY))
        rmdir(place)
    }

    /// Removes what is in a directory, whatever its names are made of, and closes it.
    private static func empty(_ directory: CInt) {
        guard let stream = fdopendir(directory) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(directory, name, 0) == 0 { return }
                    empty(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
                    unlinkat(directory, name, AT_REMOVEDIR)
                }
            }
        }
    }

    private func send(_ opcode: UInt32, node: UInt64, _ arguments: [UInt8], room: Int, to server: FileServer) {
        var header = fuse_in_header()
        header.len = UInt32(MemoryLayout<fuse_in_header>.size + arguments.count)
        header.opcode = opcode
        header.nodeid = node
        var request = withUnsafeBytes(of: header) { Array($0) } + arguments
        var reply = [UInt8](repeating: 0, count: max(room, 1))
        request.withUnsafeMutableBytes { request in
            reply.withUnsafeMutableBytes { reply in
                var segments = [request, reply].map { iovec(iov_base: $0.baseAddress, iov_len: $0.count) }
                segments.withUnsafeMutableBufferPointer { segments in
                    guard let base = segments.baseAddress else { return }
                    let chain = DescriptorChain(
                        head: 0, readable: SegmentList(base: base, count: 1),
                        writable: SegmentList(base: base + 1, count: room > 0 ? 1 : 0))
                    guard let request = try? ShareRequest(chain, queue: 1) else { return }
                    server.serve(request)
                    guard request.written <= room else { fatalError("a reply longer than its room") }
                }
            }
        }
    }

    var seeds: [[UInt8]] {
        func request(_ opcode: fuse_opcode, node: UInt8 = 1, _ arguments: [UInt8], room: UInt16 = 512) -> [UInt8] {
            withUnsafeBytes(of: UInt16(arguments.count)) { Array($0) } + withUnsafeBytes(of: room) { Array($0) }
                + [UInt8(opcode.rawValue), node] + arguments
        }
        func words(_ values: UInt32...) -> [UInt8] {
            values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } }
        }
        func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }
        let lookUp = request(FUSE_LOOKUP, text("f"))
        let listing = words(1, 0, 0, 0, 400, 0, 0, 0, 0, 0)
        return [
            lookUp + request(FUSE_OPEN, node: 2, words(2, 0)) + request(FUSE_READ, words(1, 0, 0, 0, 4, 0, 0, 0, 0, 0))
                + request(FUSE_WRITE, words(1, 0, 0, 0, 4, 0, 0, 0, 0, 0) + [1, 2, 3, 4])
                + request(FUSE_RELEASE, words(1, 0, 0, 0, 0, 0)) + request(FUSE_FORGET, node: 2, words(1, 0), room: 0),
            request(FUSE_CREATE, words(0x42, 0o644, 0, 0) + text("n"))
                + request(FUSE_SETATTR, node: 2, words(0x1F9, 0) + [UInt8](repeating: 0, count: 80))
                + request(FUSE_SETXATTR, node: 2, words(1, 0) + text("user.a") + [1])
                + request(FUSE_GETXATTR, node: 2, words(10, 0) + text("user.a"))
                + request(FUSE_LISTXATTR, node: 2, words(10, 0))
                + request(FUSE_FALLOCATE, words(1, 0, 0, 0, 9, 0, 0, 0)) + request(FUSE_LSEEK, words(1, 0, 0, 0, 3, 0))
                + request(FUSE_COPY_FILE_RANGE, words(1, 0, 0, 0, 2, 0, 1, 0, 4, 0, 2, 0, 0, 0)),
            request(FUSE_MKDIR, words(0o755, 0) + text("m"))
                + request(FUSE_RENAME2, words(1, 0, 2, 0) + text("m") + text("f"))
                + request(FUSE_SYMLINK, text("s") + text("/etc")) + request(FUSE_UNLINK, text("s"))
                + request(FUSE_RMDIR, text("m")) + request(FUSE_MKNOD, words(0o100644, 0, 0, 0) + text("k")),
            request(FUSE_OPENDIR, words(0, 0)) + request(FUSE_READDIRPLUS, listing) + request(FUSE_READDIR, listing)
                + request(FUSE_LOOKUP, text("l")) + request(FUSE_READLINK, node: 4, [])
                + request(FUSE_LINK, words(2, 0) + text("k")) + request(FUSE_STATFS, [])
                + request(FUSE_ACCESS, words(7, 0))
                + request(FUSE_BATCH_FORGET, words(1, 0, 2, 0, 1, 0), room: 0) + request(FUSE_INTERRUPT, words(1, 0)),
        ]
    }
}
