import CLinux
import ControlMessages
import Glibc
import Linux
import SystemPackage

/// Lines to and from another process over a stream socket, which unlike a pipe can be written to without a SIGPIPE. It
/// belongs to the thread of its loop.
final class LineChannel {
    /// Called for each line.
    var received: (LineBuffer.Line) -> Void = { _ in }
    /// Called once, when there is no more to come.
    var closed: () -> Void = {}

    private static let chunk = 64 << 10

    private let loop: EventLoop
    /// Nil once it is closed.
    private var socket: OwnedDescriptor?
    private var watch: EventLoop.Watch?
    private var buffer = LineBuffer()
    private var unsent: ArraySlice<UInt8> = []
    private var isFinishing = false
    private var isClosed: Bool { socket?.rawValue == nil }

    /// - Parameter socket: non-blocking.
    init(_ socket: consuming OwnedDescriptor, on loop: EventLoop) throws(SystemCallError) {
        self.loop = loop
        let descriptor = socket.rawValue
        self.socket = consume socket
        watch = try loop.watch(descriptor, for: .readable) { [unowned self] readiness in
            if readiness.contains(.writable) { write() }
            if readiness != .writable { read() }
        }
    }

    deinit { close() }

    /// Closes the socket. Must have been called if this object goes on another thread.
    func close() {
        if let watch = watch.take() { loop.remove(watch) }
        socket = nil
    }

    /// Sends a line, whose end is added.
    func send(_ line: some Sequence<UInt8>) {
        guard !isClosed, !isFinishing else { return }
        unsent += line
        unsent.append(UInt8(ascii: "\n"))
        write()
    }

    /// Tells the other side that there is no more, once what was sent is with it.
    func finish() {
        isFinishing = true
        write()
    }

    /// Reads what is there, without waiting for more.
    func drain() {
        while !isClosed, readChunk() {}
    }

    private func write() {
        guard let socket = socket?.rawValue else { return }
        while !unsent.isEmpty {
            let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
            do throws(SystemCallError) {
                let count = try systemCall("send") {
                    unsent.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, flags) }
                }
                unsent.removeFirst(count)
            } catch {
                if error.errno == .wouldBlock { break }
                // Nobody reads any more; what was said before may still be there to be read.
                unsent = []
            }
        }
        if unsent.isEmpty, isFinishing { shutdown(socket, CInt(SHUT_WR)) }
        guard let watch else { return }
        try? loop.change(watch, to: unsent.isEmpty ? .readable : [.readable, .writable])
    }

    private func read() {
        _ = readChunk()
    }

    /// - Returns: whether there may be more.
    private func readChunk() -> Bool {
        guard let socket = socket?.rawValue else { return false }
        var isOver = false
        let chunk = [UInt8](unsafeUninitializedCapacity: Self.chunk) { bytes, count in
            do throws(SystemCallError) {
                count = try systemCall("recv") { recv(socket, bytes.baseAddress, bytes.count, 0) }
                isOver = count == 0
            } catch {
                isOver = error.errno != .wouldBlock
            }
        }
        buffer.append(chunk)
        while !isClosed, let line = buffer.next() { received(line) }
        if isOver, !isClosed {
            close()
            closed()
        }
        return !chunk.isEmpty
    }
}
