import Linux

/// A Unix socket where clients come, one at a time.
final class ClientSocket {
    private let loop: EventLoop
    private let takesSeveral: Bool
    private let connect: (CInt) throws -> Void
    /// Nil, and the socket's file removed, when no more clients may come.
    private var listener: UnixListener?
    private var watch: EventLoop.Watch?
    private var client: OwnedDescriptor?

    /// Listens for the first client.
    ///
    /// - Parameters:
    ///   - takesSeveral: whether to keep the socket when a client came.
    ///   - connect: is given a client's descriptor, which stays open until the next one's.
    init(
        path: String, on loop: EventLoop, takesSeveral: Bool, _ connect: @escaping (CInt) throws -> Void
    ) throws(SystemCallError) {
        self.loop = loop
        self.takesSeveral = takesSeveral
        self.connect = connect
        listener = try UnixListener(path: path)
        listen()
    }

    /// Takes the next client; those that come meanwhile wait.
    func listen() {
        guard watch == nil, let descriptor = listener?.descriptor.rawValue else { return }
        client = nil
        watch = try? loop.watch(descriptor, for: .readable) { [unowned self] _ in accept() }
    }

    private func accept() {
        guard let next = try? listener?.accept() else { return }
        if let watch = watch.take() { loop.remove(watch) }
        let descriptor = next.rawValue
        client = consume next
        if !takesSeveral { listener = nil }
        do { try connect(descriptor) } catch { listen() }
    }
}
