import CLinux
import Glibc
import Linux
import Network

/// Two connected Unix sockets; the first does not block.
func makeSocketPair(_ type: CInt) throws -> (CInt, CInt) {
    var pair: [CInt] = [-1, -1]
    try systemCall("socketpair") { socketpair(AF_UNIX, type, 0, &pair) }
    try systemCall("fcntl") { fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK) }
    return (pair[0], pair[1])
}

/// Calls `body` with buffers that have the contents of `parts`, and keeps what it changed there.
func withSegments<Result>(
    _ parts: inout [[UInt8]], _ body: (UnsafeMutableBufferPointer<iovec>) -> Result
) -> Result {
    let buffers = parts.map { part in
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: part.count, alignment: 1)
        buffer.copyBytes(from: part)
        return buffer
    }
    defer { for buffer in buffers { buffer.deallocate() } }
    var segments = buffers.map { iovec(iov_base: $0.baseAddress, iov_len: $0.count) }
    let result = segments.withUnsafeMutableBufferPointer { body($0) }
    parts = buffers.map { Array($0) }
    return result
}

extension FrameChannel {
    /// The next frame with its header; nil when there is none.
    func receiveBytes() -> [UInt8]? {
        var parts = [[UInt8](repeating: 0xEE, count: 70_000)]
        guard case .received(let count) = withSegments(&parts, { receive(into: $0) }) else { return nil }
        return Array(parts[0].prefix(count))
    }
}
