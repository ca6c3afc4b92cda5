import CLinux
import Foundation
import Linux
import SystemPackage
import Testing

@testable import Devices
@testable import Virtio

/// A directory of the host with a server, and a driver's requests for that, each served at once.
final class ShareGuest {
    /// The share's own directory is within it, so that there is something beside that.
    let outside: String
    let path: String
    let server: FileServer
    private var unique: UInt64 = 0

    struct Reply {
        /// A positive `errno`; 0 when all went well.
        let error: CInt
        let bytes: [UInt8]
        /// As the used ring has it.
        let written: Int

        /// - Throws: where the reply is an error or is shorter.
        func value<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int = 0) throws -> Value {
            try succeed()
            guard bytes.count >= offset + MemoryLayout<Value>.size else { throw Errno.messageTooLong }
            return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Value.self) }
        }

        /// - Throws: where the reply is an error.
        func succeed() throws {
            if error != 0 { throw Errno(rawValue: error) }
        }
    }

    static let limits = FileServer.Limits(nodes: 1000, nodeDescriptors: 64, handles: 64)

    init(readOnly: Bool = false, _ limits: FileServer.Limits = limits, initialize: Bool = true) throws {
        outside = FileManager.default.temporaryDirectory.appending(path: "share-\(UUID().uuidString)").path
        path = outside + "/share"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        server = try FileServer(path: path, readOnly: readOnly, limits)
        guard initialize else { return }
        try send(FUSE_INIT, Self.bytes(fuse_init_in.with(minor: 38))).succeed()
    }

    deinit { try? FileManager.default.removeItem(atPath: outside) }

    // MARK: Requests

    static func bytes(_ value: some BitwiseCopyable) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
    static func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

    /// - Parameters:
    ///   - room: for the reply, behind its header.
    ///   - length: what the header says; nil for the truth.
    @discardableResult
    func send(
        _ opcode: fuse_opcode, node: UInt64 = 1, _ arguments: [UInt8] = [], room: Int = 4096, length: UInt32? = nil
    ) throws -> Reply {
        unique += 1
        var header = fuse_in_header()
        header.len = length ?? UInt32(MemoryLayout<fuse_in_header>.size + arguments.count)
        header.opcode = opcode.rawValue
        header.unique = unique
        header.nodeid = node
        let reply = try serve(Self.bytes(header) + arguments, room: MemoryLayout<fuse_out_header>.size + room)
        guard reply.written > 0 else { return Reply(error: 0, bytes: [], written: 0) }
        let out = reply.bytes.withUnsafeBytes { $0.loadUnaligned(as: fuse_out_header.self) }
        #expect(out.unique == unique)
        #expect(Int(out.len) == reply.written)
        #expect(out.error <= 0)
        return Reply(
            error: -out.error, bytes: Array(reply.bytes[..<reply.written].dropFirst(16)), written: reply.written)
    }

    /// Has bytes served as they are, in buffers of uneven lengths.
    func serve(_ request: [UInt8], room: Int) throws -> Reply {
        var (request, reply) = (request, [UInt8](repeating: 0xEE, count: room))
        return try request.withUnsafeMutableBytes { request in
            let written = try reply.withUnsafeMutableBytes { reply in
                var (readable, writable) = (Self.segments(request), Self.segments(reply))
                return try readable.withUnsafeMutableBufferPointer { readable in
                    try writable.withUnsafeMutableBufferPointer { writable in
                        let chain = DescriptorChain(
                            head: 0, readable: Self.list(readable), writable: Self.list(writable))
                        let request = try ShareRequest(chain, queue: 1)
                        server.serve(request)
                        return request.written
                    }
                }
            }
            return Reply(error: 0, bytes: reply, written: written)
        }
    }

    private static func list(_ buffers: UnsafeMutableBufferPointer<iovec>) -> SegmentList {
        buffers.baseAddress.map { SegmentList(base: $0, count: buffers.count) }
            ?? SegmentList(base: UnsafeMutablePointer(bitPattern: 8)!, count: 0)
    }

    private static func segments(_ bytes: UnsafeMutableRawBufferPointer) -> [iovec] {
        var segments: [iovec] = []
        var offset = 0
        for length in [7, 33, 5, 1000, 3] where offset < bytes.count {
            let count = min(length, bytes.count - offset)
            segments.append(iovec(iov_base: bytes.baseAddress! + offset, iov_len: count))
            offset += count
        }
        if offset < bytes.count {
            segments.append(iovec(iov_base: bytes.baseAddress! + offset, iov_len: bytes.count - offset))
        }
        return segments
    }

    // MARK: What drivers do often

    func lookUp(_ name: String, in node: UInt64 = 1) throws -> fuse_entry_out {
        try send(FUSE_LOOKUP, node: node, Self.text(name)).value(fuse_entry_out.self)
    }

    /// The error of a look-up; 0 for none.
    func failure(lookingUp name: String, in node: UInt64 = 1) throws -> CInt {
        try send(FUSE_LOOKUP, node: node, Self.text(name)).error
    }

    func forget(_ node: UInt64, _ count: UInt64 = 1) throws {
        try send(FUSE_FORGET, node: node, Self.bytes(fuse_forget_in(nlookup: count)), room: 0)
    }

    func open(_ node: UInt64, _ flags: CInt) throws -> UInt64 {
        try send(FUSE_OPEN, node: node, Self.bytes(fuse_open_in(flags: UInt32(flags), open_flags: 0)))
            .value(fuse_open_out.self).fh
    }

    func create(_ name: String, in node: UInt64 = 1, flags: CInt = O_RDWR, mode: UInt32 = 0o644) throws
        -> (entry: fuse_entry_out, handle: UInt64)
    {
        let reply = try send(FUSE_CREATE, node: node, Self.createArguments(name, flags: flags, mode: mode))
        return (
            try reply.value(fuse_entry_out.self),
            try reply.value(fuse_open_out.self, at: MemoryLayout<fuse_entry_out>.size).fh
        )
    }

    static func createArguments(_ name: String, flags: CInt = O_RDWR, mode: UInt32 = 0o644) -> [UInt8] {
        bytes(fuse_create_in(flags: UInt32(flags | O_CREAT), mode: mode, umask: 0, open_flags: 0)) + text(name)
    }

    func write(_ handle: UInt64, _ text: String, at offset: UInt64 = 0, flags: CInt = 0) throws -> Reply {
        var parameters = fuse_write_in()
        parameters.fh = handle
        parameters.offset = offset
        parameters.size = UInt32(text.utf8.count)
        parameters.flags = UInt32(flags)
        return try send(FUSE_WRITE, Self.bytes(parameters) + Array(text.utf8))
    }

    static func readArguments(_ handle: UInt64, offset: UInt64 = 0, size: UInt32 = 4096) -> [UInt8] {
        var parameters = fuse_read_in()
        parameters.fh = handle
        parameters.offset = offset
        parameters.size = size
        return bytes(parameters)
    }

    func read(_ handle: UInt64, at offset: UInt64 = 0, size: UInt32 = 4096) throws -> String {
        let reply = try send(FUSE_READ, Self.readArguments(handle, offset: offset, size: size))
        try reply.succeed()
        return String(decoding: reply.bytes, as: UTF8.self)
    }

    func attributes(_ node: UInt64) throws -> fuse_attr {
        try send(FUSE_GETATTR, node: node, Self.bytes(fuse_getattr_in())).value(fuse_attr_out.self).attr
    }

    func release(_ handle: UInt64, _ opcode: fuse_opcode = FUSE_RELEASE) throws {
        var parameters = fuse_release_in()
        parameters.fh = handle
        try send(opcode, Self.bytes(parameters)).succeed()
    }

    func setAttributes(_ node: UInt64, _ change: (inout fuse_setattr_in) -> Void) throws -> Reply {
        var parameters = fuse_setattr_in()
        change(&parameters)
        return try send(FUSE_SETATTR, node: node, Self.bytes(parameters))
    }

    // MARK: The host

    func host(_ name: String) -> String { "\(path)/\(name)" }

    func put(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: host(name)))
    }

    func contents(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: host(name))), as: UTF8.self)
    }

    func hostStatus(_ name: String) throws -> stat {
        var status = stat()
        try #require(lstat(host(name), &status) == 0)
        return status
    }

    /// Descriptors of this process that are open on something in the directory.
    var hostDescriptors: Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.count { name in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)"))?
                .hasPrefix(outside) == true
        }
    }
}

extension fuse_init_in {
    static func with(major: UInt32 = 7, minor: UInt32, flags: UInt32 = .max) -> fuse_init_in {
        var request = fuse_init_in()
        request.major = major
        request.minor = minor
        request.flags = flags
        request.max_readahead = 131072
        return request
    }
}
