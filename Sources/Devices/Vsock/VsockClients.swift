import CLinux
import Linux

/// Programs of the host's that came to the socket and have not yet said which port of the guest they want.
final class VsockClients {
    /// More are turned away.
    static let limit = 256

    private static let patience: UInt64 = 5_000_000_000

    private final class Client {
        /// nil once it is handed on.
        var descriptor: OwnedDescriptor?
        let number: CInt
        var watch: EventLoop.Watch?
        var timer: TimerQueue.ID?

        init(_ descriptor: consuming OwnedDescriptor) {
            number = descriptor.rawValue
            self.descriptor = consume descriptor
        }
    }

    private var acceptor: Acceptor?
    private let loop: EventLoop
    private let connect: (UInt32, consuming OwnedDescriptor) -> Void
    private var clients: [ObjectIdentifier: Client] = [:]

    /// - Parameter connect: is given the port that a client asks for.
    init(
        _ listener: consuming UnixListener, loop: EventLoop,
        connect: @escaping (UInt32, consuming OwnedDescriptor) -> Void
    ) {
        self.loop = loop
        self.connect = connect
        acceptor = Acceptor(listener, on: loop) { [unowned self] in accept($0) }
    }

    deinit { stop() }

    /// Lets clients in; those that came before have waited.
    func start() throws(SystemCallError) {
        try acceptor?.start()
    }

    /// Lets nobody in, and turns away who has not said what they want.
    func stop() {
        acceptor?.stop()
        for client in clients.values { remove(client) }
    }

    /// One that the host has no room to watch is turned away, too.
    private func accept(_ descriptor: consuming OwnedDescriptor) {
        if clients.count < Self.limit { try? add(descriptor) }
    }

    private func add(_ descriptor: consuming OwnedDescriptor) throws(SystemCallError) {
        let client = Client(descriptor)
        client.watch = try loop.watch(
            client.number, for: [.readable, .readHungUp, .edge]
        ) { [unowned self, unowned client] readiness in
            read(client, isEnded: readiness.contains(.readHungUp))
        }
        client.timer = loop.schedule(after: Self.patience) { [weak self, weak client] in
            if let client { self?.remove(client) }
        }
        clients[ObjectIdentifier(client)] = client
    }

    /// - Parameter isEnded: whether the client sends nothing more.
    private func read(_ client: Client, isEnded: Bool) {
        var line = [UInt8](repeating: 0, count: ConnectLine.longest)
        // What follows the line is for the guest, and stays in the socket.
        let count = recv(client.number, &line, line.count, CInt(MSG_PEEK))
        guard count > 0 else {
            if count == 0 || ![.wouldBlock, .interrupted].contains(currentErrno) { remove(client) }
            return
        }
        switch ConnectLine(line[..<count]) {
        case .incomplete where !isEnded: break
        case .incomplete, .malformed: remove(client)
        case .complete(let port, let length):
            recv(client.number, &line, length, 0)
            remove(client, connectTo: port)
        }
    }

    private func remove(_ client: Client, connectTo port: UInt32? = nil) {
        guard clients.removeValue(forKey: ObjectIdentifier(client)) != nil else { return }
        if let watch = client.watch { loop.remove(watch) }
        if let timer = client.timer { loop.cancel(timer) }
        if let port, let descriptor = client.descriptor.take() { connect(port, descriptor) }
    }
}
