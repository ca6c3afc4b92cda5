import Glibc
import Linux
import SystemPackage

/// Carries what a guest's console prints from the pipe that it comes through to where it is kept. It belongs to the
/// thread of its loop.
final class ConsolePipe {
    private static let chunk = 64 << 10

    private let loop: EventLoop
    /// Nil once it is closed.
    private var pipe: OwnedDescriptor?
    private let buffer: ConsoleBuffer
    private var watch: EventLoop.Watch?

    /// - Parameter pipe: the reading end, non-blocking.
    init(_ pipe: consuming OwnedDescriptor, to buffer: ConsoleBuffer, on loop: EventLoop) throws(SystemCallError) {
        self.loop = loop
        self.pipe = consume pipe
        self.buffer = buffer
        try listen()
    }

    deinit { close() }

    /// Closes the pipe. Must have been called if this object goes on another thread.
    func close() {
        unwatch()
        pipe = nil
    }

    /// Goes on reading, after the buffer had no room.
    func resume() {
        // Without a watch, whoever takes the next bytes asks again.
        try? listen()
    }

    /// Reads what is there, whether the buffer has room or not.
    func drain() {
        while readChunk() {}
    }

    private func listen() throws(SystemCallError) {
        guard watch == nil, let pipe = pipe?.rawValue else { return }
        watch = try loop.watch(pipe, for: .readable) { [unowned self] _ in
            _ = readChunk()
            if buffer.mustStall() { unwatch() }
        }
    }

    private func unwatch() {
        if let watch = watch.take() { loop.remove(watch) }
    }

    /// - Returns: whether there may be more.
    private func readChunk() -> Bool {
        guard let pipe = pipe?.rawValue else { return false }
        var isOver = false
        let chunk = [UInt8](unsafeUninitializedCapacity: Self.chunk) { bytes, count in
            do throws(SystemCallError) {
                count = try systemCall("read") { read(pipe, bytes.baseAddress, bytes.count) }
                isOver = count == 0
            } catch {
                isOver = error.errno != .wouldBlock
            }
        }
        if isOver { close() }
        if !chunk.isEmpty { buffer.append(chunk) }
        return !chunk.isEmpty
    }
}
