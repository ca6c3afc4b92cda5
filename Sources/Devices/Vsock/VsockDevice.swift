import CLinux
import Linux
import Virtio

/// Connections between programs in the guest and programs on the host, without a network (virtio 1.3 §5.10). The host's
/// end of each is a Unix socket.
///
/// A program on the host connects to the socket's path, writes `CONNECT port\n`, and reads `OK hostport\n` once the
/// guest has taken the connection; without that its socket is closed. A program in the guest that connects to port P of
/// the host (context 2) reaches the socket at that path followed by `_P`, or the monitor itself where P is one of its own.
public final class VsockDevice: VirtioDevice {
    private static let queueSize: UInt16 = 256
    /// For events, of which there are none to tell.
    private static let eventQueueSize: UInt16 = 16

    private enum Queue {
        static let receive = 0
        static let transmit = 1
    }

    private let guestCID: UInt64
    private let path: String?
    private let ownPorts: VsockPorts
    private var listener: UnixListener?
    private var context: DeviceContext?
    public let statistics = TrafficStatistics()

    private var clients: VsockClients?
    private var connections: VsockSwitch?
    private var receiveQueue: Virtqueue?
    private var transmitQueue: Virtqueue?
    /// A copy of a buffer's list, from which the header's part is taken.
    private let headerSegments = UnsafeMutablePointer<iovec>.allocate(capacity: Int(queueSize))

    /// - Parameters:
    ///   - guestCID: the guest's context.
    ///   - listener: where the host's programs connect to; the paths of the guest's ports are longer by an underscore and
    ///     ten digits. nil for none.
    ///   - ownPorts: ports of the host on which the monitor itself takes connections.
    public init(guestCID: UInt64, listener: consuming UnixListener?, ownPorts: VsockPorts = [:]) {
        self.guestCID = guestCID
        self.ownPorts = ownPorts
        path = listener?.path
        self.listener = consume listener
    }

    deinit { headerSegments.deallocate() }

    public var description: DeviceDescription {
        DeviceDescription(
            type: .vsock, features: .streamSockets, queueSizes: [Self.queueSize, Self.queueSize, Self.eventQueueSize],
            configuration: withUnsafeBytes(of: guestCID.littleEndian, Array.init),
            polledQueues: Queue.receive..<Queue.transmit + 1)
    }

    public func attach(_ context: DeviceContext) {
        self.context = context
        let connections = VsockSwitch(
            guestCID: guestCID, path: path, ownPorts: ownPorts, loop: context.loop
        ) { [unowned self] in serveSoon() }
        self.connections = connections
        guard let listener = listener.take() else { return }
        clients = VsockClients(listener, loop: context.loop) { [unowned connections] port, descriptor in
            connections.request(port: port, from: descriptor)
        }
    }

    public func activate(_ activation: Activation) throws(QueueError) {
        guard let receive = activation.queues[Queue.receive], let transmit = activation.queues[Queue.transmit] else {
            throw .malformed("one of the two queues of a vsock device, without the other")
        }
        (receiveQueue, transmitQueue) = (receive, transmit)
        do throws(SystemCallError) {
            try clients?.start()
        } catch {
            throw .malformed("the host cannot watch its socket: \(error)")
        }
    }

    public func queueNotified(_ index: Int) throws(QueueError) {
        try serve()
    }

    public func reset(_ done: @escaping @Sendable () -> Void) {
        // A guest that sends its last word and powers off has not waited for us to take it.
        try? serve()
        stop()
        done()
    }

    public func close() {
        clients = nil
    }

    private func stop() {
        receiveQueue = nil
        transmitQueue = nil
        clients?.stop()
        connections?.removeAll()
    }

    // MARK: Queues

    private func serveSoon() {
        context?.notifyAgain(Queue.receive)
    }

    private func serve() throws(QueueError) {
        guard let connections, let receiveQueue, let transmitQueue else { return }
        do throws(QueueError) {
            var isCut = try serve(transmitQueue, transmit: connections)
            let couldReceive = connections.canReceive
            if try serve(receiveQueue, receive: connections) { isCut = true }
            // The guest's packets waited until it took ours.
            if !couldReceive, connections.canReceive { isCut = true }
            if isCut { serveSoon() }
        } catch {
            stop()
            throw error
        }
    }

    /// - Returns: whether there may be more at once.
    private func serve(_ queue: Virtqueue, transmit connections: VsockSwitch) throws(QueueError) -> Bool {
        try queue.drain { chain throws(QueueError) in
            guard connections.canReceive else { return false }
            guard let raw = chain.readable.load(as: virtio_vsock_hdr.self) else {
                throw .malformed("a vsock packet of \(chain.readable.byteCount) bytes")
            }
            let header = VsockHeader(raw)
            chain.readable.removeFirst(VsockHeader.size)
            guard header.length <= chain.readable.byteCount else {
                throw .malformed("\(header.length) bytes to send in a buffer of \(chain.readable.byteCount)")
            }
            chain.readable.truncate(to: Int(header.length))
            connections.receive(header, payload: chain.readable)
            queue.complete(head: chain.head, written: 0)
            statistics.fromGuest.count(bytes: Int(header.length))
            return true
        }
    }

    /// - Returns: whether there may be more at once.
    private func serve(_ queue: Virtqueue, receive connections: VsockSwitch) throws(QueueError) -> Bool {
        try queue.drain { chain throws(QueueError) in
            guard chain.writable.byteCount > VsockHeader.size else {
                throw .malformed("a vsock receive buffer of \(chain.writable.byteCount) bytes")
            }
            // The payload is read before its header can be written, and cutting a list changes it for all its copies.
            chain.writable.copySegments(to: headerSegments)
            let head = SegmentList(base: headerSegments, count: chain.writable.count)
            chain.writable.removeFirst(VsockHeader.size)
            guard let header = connections.nextPacket(payload: chain.writable) else { return false }
            head.store(header.raw)
            queue.complete(head: chain.head, written: VsockHeader.size + Int(header.length))
            statistics.toGuest.count(bytes: Int(header.length))
            return true
        }
    }
}

extension Features {
    /// `VIRTIO_VSOCK_F_STREAM` (virtio 1.3 §5.10.3).
    fileprivate static let streamSockets = bit(0)
}
