import Linux

/// A Unix socket where clients come, one at a time.
final class ClientSocket {
    private let takesSeveral: Bool
    private let connect: (CInt) throws -> Void
    /// Nil, and the socket's file removed, when no more clients may come.
    private var acceptor: Acceptor?
    private var client: OwnedDescriptor?

    /// Listens for the first client.
    ///
    /// - Parameters:
    ///   - takesSeveral: whether to keep the socket when a client came.
    ///   - connect: is given a client's descriptor, which stays open until the next one's.
    init(
        path: String, on loop: EventLoop, takesSeveral: Bool, _ connect: @escaping (CInt) throws -> Void
    ) throws(SystemCallError) {
        self.takesSeveral = takesSeveral
        self.connect = connect
        acceptor = Acceptor(try UnixListener(path: path), on: loop) { [unowned self] in accept($0) }
        listen()
    }

    /// Takes the next client; those that come meanwhile wait.
    func listen() {
        client = nil
        try? acceptor?.start()
    }

    private func accept(_ next: consuming OwnedDescriptor) {
        acceptor?.stop()
        let descriptor = next.rawValue
        client = consume next
        if !takesSeveral { acceptor = nil }
        do { try connect(descriptor) } catch { listen() }
    }
}
