import Network
import Virtio

/// Sends what a driver puts into a transmit queue, straight from the guest's memory (virtio 1.3 §5.1.6.2).
final class NetTransmitter {
    /// Whether frames go out, or nowhere.
    var isLinkUp = true
    /// Whether the channel's being writable is waited for.
    private(set) var isBlocked = false
    private(set) var isClosed = false

    private let channel: FrameChannel
    private let counters: TrafficStatistics
    private let limiter: FrameLimiter
    private var queue: Virtqueue?

    private static let lengths = Frame.headerLength + Frame.leastLength...Frame.headerLength + Frame.greatestLength

    init(_ channel: FrameChannel, counters: TrafficStatistics, limiter: FrameLimiter) {
        self.channel = channel
        self.counters = counters
        self.limiter = limiter
    }

    func start(_ queue: Virtqueue?) {
        self.queue = queue
    }

    func stop() {
        queue = nil
    }

    /// Sends up to one queue length of frames.
    func takeTurn() throws(QueueError) -> Turns.Next {
        guard let queue else { return .whenAsked }
        channel.flush()
        isBlocked = false
        var next = Turns.Next.whenAsked
        let isCut = try queue.drain { chain throws(QueueError) in
            if let delay = limiter.delay() {
                next = .after(delay)
                return false
            }
            guard send(chain.readable) else { return false }
            queue.complete(head: chain.head, written: 0)
            return true
        }
        isBlocked = isBlocked || channel.hasUnsent
        return isCut ? .soon : next
    }

    /// - Returns: whether the frame is done with, sent or not.
    private func send(_ frame: SegmentList) -> Bool {
        guard Self.lengths.contains(frame.byteCount), isLinkUp, !isClosed else {
            counters.fromGuest.countError()
            return true
        }
        let length = frame.byteCount - Frame.headerLength
        switch channel.send(frame.segments) {
        case .sent:
            counters.fromGuest.count(bytes: length)
            limiter.take(frameOf: length)
        case .refused:
            counters.fromGuest.countError()
        case .closed:
            isClosed = true
            counters.fromGuest.countError()
        case .blocked:
            isBlocked = true
            return false
        }
        return true
    }
}
