import Virtio

/// One port of a console device: moves bytes between its two queues and its peer on the host.
///
/// Nothing is buffered on the way. What the peer does not take stays in the driver's queue, and input is only fetched
/// into buffers that the driver has provided.
final class DevicePort {
    /// What the driver and the device have told each other.
    struct State: Codable, Equatable {
        /// The driver knows the port and takes messages about it.
        var isReady = false
        var isOpenInGuest = false
        /// What the driver was told of the peer.
        var isOpenOnHost = false
        /// Bytes of the next chain of output that the peer has already.
        var bytesTaken = 0
    }

    let name: String?
    let peer: any PortPeer
    var state = State()
    private let statistics: TrafficStatistics
    private var input: Virtqueue?
    private var output: Virtqueue?

    init(name: String?, peer: any PortPeer, _ statistics: TrafficStatistics) {
        self.statistics = statistics
        self.name = name
        self.peer = peer
    }

    func activate(input: Virtqueue?, output: Virtqueue?) {
        self.input = input
        self.output = output
    }

    func reset() {
        activate(input: nil, output: nil)
        state = State()
    }

    /// - Returns: whether there is more, which can be moved soon.
    func moveOutput() throws(QueueError) -> Bool {
        guard let output else { return false }
        return try output.drain { chain in
            chain.readable.removeFirst(state.bytesTaken)
            if chain.readable.byteCount > 0 {
                let count = peer.write(chain.readable)
                guard count == chain.readable.byteCount else {
                    state.bytesTaken += count
                    return false
                }
            }
            statistics.fromGuest.count(bytes: state.bytesTaken + chain.readable.byteCount)
            state.bytesTaken = 0
            output.complete(head: chain.head, written: 0)
            return true
        }
    }

    /// - Returns: whether there may be more, which can be moved soon.
    func moveInput() throws(QueueError) -> Bool {
        // Linux drops what comes to a port that nobody has opened.
        guard let input, state.isOpenInGuest else { return false }
        return try input.drain { chain throws(QueueError) in
            guard chain.writable.byteCount > 0 else { throw .malformed("a buffer for input that cannot be written") }
            let count = peer.read(into: chain.writable)
            guard count > 0 else { return false }
            input.complete(head: chain.head, written: count)
            statistics.toGuest.count(bytes: count)
            return true
        }
    }
}
