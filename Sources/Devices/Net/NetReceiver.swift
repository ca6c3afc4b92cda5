import MachineConfiguration
import Network
import Virtio

/// Receives frames straight into the buffers that a driver put into a receive queue (virtio 1.3 §5.1.6.4).
///
/// Without buffers it takes no frame: those wait on the host, and are dropped there when they become too many. A frame
/// for which the buffers do not suffice waits for more, unless the driver has none left to give.
final class NetReceiver {
    private(set) var isClosed = false
    /// Whether it waits for buffers; otherwise it need not be told of them.
    private(set) var wantsBuffers = false

    private let channel: FrameChannel
    private let counters: TrafficStatistics
    private let accepts: (MACAddress) -> Bool
    private let limiter: FrameLimiter
    private var window: ReceiveWindow
    private var queue: Virtqueue?
    private var mergesBuffers = false
    /// The length of the frame in the window, with its header; 0 for none.
    private var frameLength = 0
    /// The part of that frame which the buffers had no room for.
    private var spilled = 0..<0
    private var unpublishedBytes = 0
    /// How many bytes of buffers to have at hand for a frame, with its header.
    private var expectedLength = Frame.headerLength + Frame.greatestLength

    /// Frames in a turn.
    private static let turnLength = 64
    /// So many bytes are shown to the driver at the latest, so that it works while more come.
    private static let publishedPortion = 64 << 10
    /// Where `num_buffers` is in the header (virtio 1.3 §5.1.6).
    private static let bufferCountOffset = 10

    /// - Parameters:
    ///   - queueSize: the most buffers that a driver can give.
    ///   - accepts: whether the driver wants frames to this address.
    init(
        _ channel: FrameChannel, queueSize: UInt16, counters: TrafficStatistics, limiter: FrameLimiter,
        accepts: @escaping (MACAddress) -> Bool
    ) {
        self.channel = channel
        self.counters = counters
        self.limiter = limiter
        self.accepts = accepts
        window = ReceiveWindow(
            chainCapacity: Int(queueSize), spillSize: Frame.headerLength + Frame.greatestLength)
    }

    func start(_ queue: Virtqueue?, mergesBuffers: Bool) {
        self.queue = queue
        self.mergesBuffers = mergesBuffers
    }

    func stop() {
        queue = nil
        wantsBuffers = false
        window.removeAll()
        frameLength = 0
        spilled = 0..<0
    }

    /// - Parameter frameLength: bytes of the longest frame to expect; longer ones are received as well, but slower.
    func expectFrames(of frameLength: Int) {
        expectedLength = Frame.headerLength + min(frameLength, Frame.greatestLength)
    }

    /// Receives until there is no frame or no buffer, or others should have their turn.
    func takeTurn() throws(QueueError) -> Turns.Next {
        guard let queue, !isClosed else { return .whenAsked }
        defer { publish(in: queue) }
        wantsBuffers = false
        queue.disableNotifications()
        for _ in 0..<Self.turnLength {
            if frameLength == 0, let delay = limiter.delay() { return .after(delay) }
            guard try prepare(queue) else {
                wantsBuffers = true
                return .whenAsked
            }
            if frameLength == 0 {
                switch channel.receive(into: window.vector) {
                case .received(let length): accept(length)
                case .empty: return .whenAsked
                case .closed:
                    isClosed = true
                    return .whenAsked
                }
            }
            if frameLength > window.byteCount {
                // Unless all that the driver can give is here, and is too little.
                if !canGrow(queue) { drop() }
            } else if frameLength > 0 {
                deliver(to: queue)
            }
        }
        return .soon
    }

    // MARK: Buffers

    /// Gathers buffers for the frame at hand or the next one.
    ///
    /// - Returns: false when the driver must give more first, and will notify.
    private func prepare(_ queue: Virtqueue) throws(QueueError) -> Bool {
        while true {
            while wantsMore, let chain = try queue.pop() {
                guard chain.readable.count == 0, chain.writable.byteCount > 0 else {
                    throw .malformed("a receive buffer that cannot be written to")
                }
                guard window.append(chain, spilled: &spilled) else {
                    guard !window.isEmpty else { throw .malformed("a receive buffer in too many parts") }
                    queue.undoPop()
                    break
                }
            }
            let isEnough = frameLength > 0 ? frameLength <= window.byteCount : !window.isEmpty
            if isEnough || !canGrow(queue) { return true }
            if queue.enableNotifications() { return false }
            // There are more by now.
            queue.disableNotifications()
        }
    }

    private var wantsMore: Bool {
        window.isEmpty || mergesBuffers && !window.isFull && window.byteCount < max(expectedLength, frameLength)
    }

    /// Whether the driver can add to the buffers at hand.
    private func canGrow(_ queue: Virtqueue) -> Bool {
        window.isEmpty || mergesBuffers && !window.isFull && queue.inFlight < queue.size
    }

    // MARK: A frame

    private func accept(_ length: Int) {
        guard length >= Frame.headerLength + Frame.leastLength else { return counters.toGuest.countError() }
        guard accepts(MACAddress(window.load(at: Frame.headerLength))) else { return }
        limiter.take(frameOf: length - Frame.headerLength)
        frameLength = length
        spilled = 0..<max(0, length - window.byteCount)
    }

    private func deliver(to queue: Virtqueue) {
        let count = window.chainCount(for: frameLength)
        let field = UInt16(clamping: count)
        window.store(
            [UInt8(truncatingIfNeeded: field), UInt8(truncatingIfNeeded: field >> 8)], at: Self.bufferCountOffset)
        window.complete(count, length: frameLength, in: queue)
        counters.toGuest.count(bytes: frameLength - Frame.headerLength)
        unpublishedBytes += frameLength
        frameLength = 0
        if unpublishedBytes >= Self.publishedPortion { publish(in: queue) }
    }

    private func publish(in queue: Virtqueue) {
        unpublishedBytes = 0
        queue.publish()
    }

    private func drop() {
        counters.toGuest.countError()
        frameLength = 0
        spilled = 0..<0
    }
}
