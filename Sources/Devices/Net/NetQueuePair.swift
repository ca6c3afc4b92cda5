import Linux
import Network
import Virtio

/// A receive queue and a transmit queue, and the channel that both use.
final class NetQueuePair {
    let receiver: NetReceiver
    let transmitter: NetTransmitter
    /// Whether frames are received.
    var isReceiving = false {
        didSet { if isReceiving { receiveTurns.ask() } }
    }

    private let channel: FrameChannel
    private let loop: EventLoop
    private let closed: () -> Void
    private let failed: (QueueError) -> Void
    private var watch: EventLoop.Watch?
    private var watchesWriting = false
    private lazy var receiveTurns = Turns(on: loop) { [unowned self] in takeReceiveTurn() }
    private lazy var transmitTurns = Turns(on: loop) { [unowned self] in takeTransmitTurn() }

    /// - Parameters:
    ///   - closed: called when the channel turns out to be closed, more than once perhaps.
    ///   - failed: called when the driver broke the rules; it has to stop all pairs.
    init(
        _ channel: FrameChannel, receiver: NetReceiver, transmitter: NetTransmitter, loop: EventLoop,
        closed: @escaping () -> Void, failed: @escaping (QueueError) -> Void
    ) {
        self.channel = channel
        self.receiver = receiver
        self.transmitter = transmitter
        self.loop = loop
        self.closed = closed
        self.failed = failed
    }

    /// - Throws: what made it impossible to watch the channel.
    func start(receive: Virtqueue?, transmit: Virtqueue?, mergesBuffers: Bool) throws(SystemCallError) {
        receiver.start(receive, mergesBuffers: mergesBuffers)
        transmitter.start(transmit)
        // By edges: a channel whose frames nobody takes does not wake the loop again and again.
        watch = try loop.watch(channel.descriptor, for: [.readable, .edge]) { [unowned self] readiness in
            if readiness.contains(.writable) { transmitTurns.ask() }
            if isReceiving { receiveTurns.ask() }
        }
    }

    func stop() {
        isReceiving = false
        receiver.stop()
        transmitter.stop()
        if let watch { loop.remove(watch) }
        watch = nil
        watchesWriting = false
        receiveTurns.cancel()
        transmitTurns.cancel()
    }

    func receiveQueueNotified() {
        if isReceiving, receiver.wantsBuffers { receiveTurns.ask() }
    }

    func transmitQueueNotified() {
        transmitTurns.ask()
    }

    /// What waits for a limit may have to wait no longer.
    func limitsChanged() {
        receiveTurns.hurry()
        transmitTurns.hurry()
    }

    private func takeReceiveTurn() -> Turns.Next {
        guard isReceiving else { return .whenAsked }
        do throws(QueueError) {
            let next = try receiver.takeTurn()
            if receiver.isClosed { closed() }
            return next
        } catch {
            return fail(error)
        }
    }

    private func takeTransmitTurn() -> Turns.Next {
        do throws(QueueError) {
            let next = try transmitter.takeTurn()
            watchWriting(transmitter.isBlocked)
            if transmitter.isClosed { closed() }
            return next
        } catch {
            return fail(error)
        }
    }

    private func fail(_ error: QueueError) -> Turns.Next {
        failed(error)
        return .whenAsked
    }

    private func watchWriting(_ wanted: Bool) {
        guard let watch, wanted != watchesWriting else { return }
        watchesWriting = wanted
        // Fails only for a descriptor that is not watched, and this one is.
        try? loop.change(watch, to: wanted ? [.readable, .writable, .edge] : [.readable, .edge])
    }
}
