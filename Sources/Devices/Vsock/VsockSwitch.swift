import Linux
import Virtio

/// Connects ports of a guest with Unix sockets of the host: the guest's packets go in, and packets for the guest come
/// out. A guest reaches port P of the host at the socket `PATH_P`, but for ports that are the monitor's own.
///
/// Used on the thread of its event loop only. Whatever the guest sends, it is bounded what is kept: connections, the
/// bytes of each, and packets that wait for the guest's buffers.
public final class VsockSwitch {
    private let guestCID: UInt64
    private let path: String?
    private let ownPorts: VsockPorts
    private let limits: VsockLimits
    private let loop: EventLoop
    /// Is called when there may be packets for the guest.
    private let hasPackets: () -> Void

    private var connections: [VsockConnection.Key: VsockConnection] = [:]
    /// Sockets that still take bytes of connections which the guest has closed.
    private var drains: [ObjectIdentifier: VsockConnection] = [:]
    private var resets = VsockResetQueue()
    private var ready = VsockReadyList()
    private var buffers = VsockBufferPool()
    private var hostPorts = VsockHostPorts()
    private var isTicking = false

    /// - Parameters:
    ///   - path: the beginning of the paths of the host's sockets; nil for none.
    ///   - hasPackets: is called when there may be packets for the guest, but not from `receive` and `nextPacket`.
    public init(
        guestCID: UInt64, path: String?, ownPorts: VsockPorts = [:], loop: EventLoop,
        limits: VsockLimits = VsockLimits(),
        hasPackets: @escaping () -> Void
    ) {
        self.guestCID = guestCID
        self.path = path
        self.ownPorts = ownPorts
        self.limits = limits
        self.loop = loop
        self.hasPackets = hasPackets
    }

    public var connectionCount: Int { connections.count + drains.count }

    // MARK: The guest's packets

    /// Whether there is room for the answers to more packets (virtio 1.3 §5.10.6.1).
    public var canReceive: Bool { resets.count < limits.resets }

    /// Takes a packet of the guest's.
    ///
    /// - Parameter payload: as long as the header says.
    public func receive(_ header: VsockHeader, payload: SegmentList) {
        guard header.source.cid == guestCID else { return }
        let key = VsockConnection.Key(host: header.destination.port, guest: header.source.port)
        if header.destination.cid == VsockAddress.hostCID, let connection = connections[key] {
            receive(header, payload: payload, on: connection)
        } else if header.operation == .request, header.destination.cid == VsockAddress.hostCID,
            header.type == VsockHeader.stream
        {
            open(header)
        } else if header.operation != .reset {
            resets.append(header.refusal)
        }
    }

    private func receive(_ header: VsockHeader, payload: SegmentList, on connection: VsockConnection) {
        switch connection.state.receive(header) {
        case .none: break
        case .accepted: tellAccepted(connection)
        case .deliver: settle(connection, sent: connection.socket?.write(payload))
        case .shutDown: guestShutDown(connection)
        case .ended: end(connection)
        case .violated: reset(connection)
        }
        schedule(connection)
    }

    private func open(_ request: VsockHeader) {
        guard connectionCount < limits.connections else { return resets.append(request.refusal) }
        let allocation = buffers.take()
        let connection = VsockConnection(
            VsockStreamState(request: request, allocation: allocation), allocation: allocation)
        connections[connection.key] = connection
        connection.deadline = monotonicNanoseconds() &+ limits.connecting
        connect(connection)
        schedule(connection)
    }

    /// Asks the host's program to take a connection; again later when there is no room in its queue.
    private func connect(_ connection: VsockConnection) {
        do throws(SystemCallError) {
            try adopt(try openHostEnd(port: connection.key.host), for: connection)
            connection.deadline = nil
            connection.state.hostAccepted()
        } catch {
            if error.errno == .wouldBlock { tickSoon() } else { reset(connection) }
        }
    }

    private func openHostEnd(port: UInt32) throws(SystemCallError) -> OwnedDescriptor {
        if let accept = ownPorts[port] { return try UnixSocket.pair(accept) }
        guard let path else { throw SystemCallError("connect", errno: .connectionRefused) }
        return try UnixSocket.connect(to: "\(path)_\(port)")
    }

    private func adopt(
        _ descriptor: consuming OwnedDescriptor, for connection: VsockConnection
    ) throws(SystemCallError) {
        let socket = VsockHostSocket(descriptor, capacity: Int(connection.allocation))
        connection.watch = try loop.watch(
            socket.descriptor.rawValue, for: [.readable, .writable, .readHungUp, .edge]
        ) { [unowned self, unowned connection] readiness in
            hostIsReady(connection, readiness)
            hasPackets()
        }
        connection.socket = socket
    }

    private func tellAccepted(_ connection: VsockConnection) {
        connection.deadline = nil
        let answer = ConnectLine.answer(hostPort: connection.key.host)
        if connection.socket?.write(answer) != true { reset(connection) }
    }

    private func guestShutDown(_ connection: VsockConnection) {
        connection.socket?.shutDown(connection.state.guestShutdown)
        if connection.state.guestShutdown == .both {
            resets.append(connection.state.header(.reset))
            end(connection)
        } else {
            closeIfHungUp(connection)
        }
    }

    // MARK: The host's programs

    /// Asks the guest to take a connection.
    ///
    /// - Parameter descriptor: where the program is told that the guest has, and which the connection then is; closed
    ///   without a word when it has not.
    public func request(port: UInt32, from descriptor: consuming OwnedDescriptor) {
        guard connectionCount < limits.connections else { return }
        let hostPort = hostPorts.next { connections[.init(host: $0, guest: port)] != nil }
        let allocation = buffers.take()
        let state = VsockStreamState(
            from: VsockAddress(cid: VsockAddress.hostCID, port: hostPort),
            to: VsockAddress(cid: guestCID, port: port), allocation: allocation)
        let connection = VsockConnection(state, allocation: allocation)
        connections[connection.key] = connection
        do throws(SystemCallError) {
            try adopt(descriptor, for: connection)
        } catch {
            return remove(connection)
        }
        connection.deadline = monotonicNanoseconds() &+ limits.requesting
        tickSoon()
        schedule(connection)
        hasPackets()
    }

    private func hostIsReady(_ connection: VsockConnection, _ readiness: Poller.Readiness) {
        guard let socket = connection.socket else { return }
        if socket.hasBacklog { settle(connection, sent: socket.flush()) }
        if !readiness.isDisjoint(with: [.readable, .readHungUp, .hungUp, .failed]) { socket.mayRead = true }
        if !readiness.isDisjoint(with: [.hungUp, .failed]) { socket.isHungUp = true }
        if socket.isHungUp, connection.state.phase == .requesting {
            resetIfKnown(connection)
        } else {
            closeIfHungUp(connection)
            schedule(connection)
        }
    }

    /// Counts bytes that left for the host, and does what had to wait until none are kept.
    ///
    /// - Parameter sent: nil when the program takes no more bytes.
    private func settle(_ connection: VsockConnection, sent: Int?) {
        if let sent {
            connection.state.forwarded(sent)
        } else {
            connection.state.dropHeld()
            hostEnded(connection, .receive)
        }
        guard connection.socket?.hasBacklog != true else { return }
        connection.socket?.shutDown(connection.state.guestShutdown.intersection(.send))
        if drains[ObjectIdentifier(connection)] != nil { finishDrain(connection) }
    }

    /// Lets a socket go whose peer neither sends nor receives any more, once all that it sent has been read.
    private func closeIfHungUp(_ connection: VsockConnection) {
        guard let socket = connection.socket, socket.isHungUp, connection.state.phase == .established,
            connection.state.guestShutdown.contains(.receive) || connection.state.hostShutdown.contains(.send)
        else { return }
        hostEnded(connection, .both)
    }

    private func hostEnded(_ connection: VsockConnection, _ shutdown: VsockShutdown) {
        connection.state.hostEnded(shutdown)
        guard connection.state.phase == .closing, connection.socket != nil else { return }
        release(connection)
        connection.deadline = monotonicNanoseconds() &+ limits.closing
        tickSoon()
    }

    // MARK: Packets for the guest

    /// Takes the next packet for the guest.
    ///
    /// - Parameter room: for its payload, which is read into it.
    /// - Returns: its header; nil when there is nothing to send.
    public func nextPacket(payload room: SegmentList) -> VsockHeader? {
        if let reset = resets.popFirst() { return reset }
        while let connection = ready.popFirst() {
            if let header = nextPacket(of: connection, room) {
                schedule(connection)
                return header
            }
        }
        return nil
    }

    private func nextPacket(of connection: VsockConnection, _ room: SegmentList) -> VsockHeader? {
        while let output = connection.state.nextOutput(hasHostBytes: connection.socket?.mayRead ?? false) {
            switch output {
            case .control(let operation):
                return connection.state.header(operation)
            case .data(let limit):
                guard let socket = connection.socket else { return nil }
                switch socket.read(into: room, limit: Int(limit)) {
                case .bytes(let count): return connection.state.header(.readWrite, length: count)
                case .wouldBlock: socket.mayRead = false
                case .ended:
                    socket.mayRead = false
                    hostEnded(connection, socket.isHungUp ? .both : .send)
                case .failed:
                    remove(connection)
                    return connection.state.header(.reset)
                }
            }
        }
        return nil
    }

    private func schedule(_ connection: VsockConnection) {
        if connections[connection.key] === connection { ready.append(connection) }
    }

    // MARK: Ends

    /// Ends a connection at once, and tells the guest.
    private func reset(_ connection: VsockConnection) {
        resets.append(connection.state.header(.reset))
        remove(connection)
    }

    /// The same for a connection of which the guest may not have heard.
    private func resetIfKnown(_ connection: VsockConnection) {
        if connection.state.isKnownToGuest { reset(connection) } else { remove(connection) }
    }

    /// Ends a connection that the guest has ended: its bytes still go to the host.
    private func end(_ connection: VsockConnection) {
        guard connection.socket?.hasBacklog == true else { return remove(connection) }
        connections[connection.key] = nil
        ready.remove(connection)
        drains[ObjectIdentifier(connection)] = connection
    }

    private func finishDrain(_ connection: VsockConnection) {
        drains[ObjectIdentifier(connection)] = nil
        release(connection)
        buffers.giveBack(connection.allocation)
    }

    private func remove(_ connection: VsockConnection) {
        guard connections[connection.key] === connection else { return }
        connections[connection.key] = nil
        ready.remove(connection)
        release(connection)
        buffers.giveBack(connection.allocation)
    }

    /// Closes a connection's socket.
    private func release(_ connection: VsockConnection) {
        if let watch = connection.watch { loop.remove(watch) }
        connection.watch = nil
        connection.socket = nil
    }

    /// Closes everything without a word to the guest.
    public func removeAll() {
        for connection in connections.values { remove(connection) }
        for connection in drains.values { finishDrain(connection) }
        resets.removeAll()
    }

    // MARK: Time

    private func tickSoon() {
        guard !isTicking else { return }
        isTicking = true
        loop.schedule(after: limits.tick) { [weak self] in self?.tick() }
    }

    private func tick() {
        isTicking = false
        let now = monotonicNanoseconds()
        var connects = 0
        for connection in connections.values {
            guard let deadline = connection.deadline else { continue }
            if deadline <= now {
                resetIfKnown(connection)
                continue
            }
            tickSoon()
            if connection.state.phase == .connecting, connects < limits.connectsPerTick {
                connects += 1
                connect(connection)
                schedule(connection)
            }
        }
        hasPackets()
    }
}
