import Linux
import Synchronization
import Virtio

/// A port that is the guest's console: between the device on its loop, and the pump on its thread.
public final class ConsoleLink: PortPeer, ConsolePort {
    private struct Input {
        /// Bytes that the guest's next buffer takes; 0 while there is none.
        var room = 0
        /// Input on its way to that buffer.
        var bytes: [UInt8] = []
        /// The host has input that found no room.
        var isHeldBack = false

        var roomLeft: Int { max(room - bytes.count, 0) }
    }

    /// Bytes of input that are read ahead of the guest at most, however large its buffer is.
    private static let mostInput = 64 << 10

    public let console: Console
    private let input = Mutex(Input())
    /// Signalled when the pump has input for the guest, or made room for output.
    private let pumped: EventCounter

    public init(console: Console) throws(SystemCallError) {
        self.console = console
        pumped = try EventCounter()
    }

    // MARK: For the device

    public var isConnected: Bool { true }

    public func attach(to loop: EventLoop, changed: @escaping () -> Void) throws(SystemCallError) {
        try loop.watch(pumped.descriptor.rawValue, for: [.readable, .edge]) { _ in changed() }
    }

    public func write(_ output: SegmentList) -> Int {
        var rest = output
        append(&rest)
        if rest.byteCount > 0 {
            console.awaitRoom()
            append(&rest)
        }
        if rest.byteCount < output.byteCount { console.outputAppended() }
        return output.byteCount - rest.byteCount
    }

    private func append(_ output: inout SegmentList) {
        for segment in output.segments {
            let count = console.ring.append(
                contentsOf: UnsafeRawBufferPointer(start: segment.iov_base, count: segment.iov_len))
            output.removeFirst(count)
            if count < segment.iov_len { return }
        }
    }

    /// Prints a byte that a driver wrote before it could use its queues; it is lost when there is no room.
    func writeEmergency(_ byte: UInt8) {
        if console.ring.append(byte) { console.outputAppended() }
    }

    public func read(into buffer: SegmentList) -> Int {
        let (count, isWanted) = input.withLock { input in
            let count = input.bytes.withUnsafeBytes { buffer.write($0) }
            input.bytes.removeFirst(count)
            input.room = count > 0 ? 0 : min(buffer.byteCount, Self.mostInput)
            let isWanted = input.isHeldBack && input.roomLeft > 0
            if isWanted { input.isHeldBack = false }
            return (count, isWanted)
        }
        if isWanted { console.inputWanted() }
        return count
    }

    // MARK: For the pump

    public func roomForInput() -> Int {
        input.withLock { input in
            input.isHeldBack = input.roomLeft == 0
            return input.roomLeft
        }
    }

    public func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        let count = input.withLock { input in
            let count = min(bytes.count, input.roomLeft)
            input.bytes += bytes.prefix(count)
            input.isHeldBack = count < bytes.count
            return count
        }
        if count > 0 { pumped.signal() }
        return count
    }

    public func roomMade() {
        pumped.signal()
    }
}
