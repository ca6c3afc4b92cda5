import CLinux
import Linux
import Virtio

/// A source of random bytes: the host's (virtio 1.3 §5.4).
public final class EntropyDevice: VirtioDevice {
    /// A guest that asks for more at a time gets this much.
    public static let largestRequest = 64 << 10

    private static let queueSize: UInt16 = 64

    public let statistics = TrafficStatistics()

    private var context: DeviceContext?
    private var queue: Virtqueue?

    public init() {}

    public var description: DeviceDescription {
        DeviceDescription(type: .entropy, queueSizes: [Self.queueSize])
    }

    public func attach(_ context: DeviceContext) {
        self.context = context
    }

    public func activate(_ activation: Activation) {
        queue = activation.queues[0]
    }

    public func queueNotified(_ index: Int) throws(QueueError) {
        guard let queue else { return }
        let isCut = try queue.drain { chain throws(QueueError) in
            chain.writable.truncate(to: Self.largestRequest)
            var written = 0
            for segment in chain.writable.segments { written += Self.fill(segment) }
            queue.complete(head: chain.head, written: written)
            statistics.toGuest.count(bytes: written)
            return true
        }
        if isCut { context?.notifyAgain(index) }
    }

    public func reset(_ done: @escaping @Sendable () -> Void) {
        queue = nil
        done()
    }

    /// - Returns: how many bytes the host gave.
    private static func fill(_ segment: iovec) -> Int {
        var filled = 0
        while filled < segment.iov_len {
            let count = getrandom(segment.iov_base + filled, segment.iov_len - filled, 0)
            if count > 0 {
                filled += count
            } else if currentErrno != .interrupted {
                // It fails for no other reason on a buffer that is mapped.
                break
            }
        }
        return filled
    }
}
