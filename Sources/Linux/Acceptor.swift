/// Takes the connections that come to a Unix socket. It belongs to the thread of its event loop.
public final class Acceptor {
    /// Nanoseconds that it rests when the host has no room for another connection, as nothing tells when it has.
    private static let rest: UInt64 = 100_000_000

    private let listener: UnixListener
    private let loop: EventLoop
    private let accepted: (consuming OwnedDescriptor) -> Void
    private var watch: EventLoop.Watch?

    /// - Parameter accepted: is given each connection once it was started; those that came before have waited.
    public init(
        _ listener: consuming UnixListener, on loop: EventLoop,
        _ accepted: @escaping (consuming OwnedDescriptor) -> Void
    ) {
        self.listener = listener
        self.loop = loop
        self.accepted = accepted
    }

    deinit { stop() }

    public func start() throws(SystemCallError) {
        guard watch == nil else { return }
        watch = try loop.watch(listener.descriptor.rawValue, for: .readable) { [unowned self] _ in accept() }
    }

    /// Lets connections wait.
    public func stop() {
        if let watch { loop.remove(watch) }
        watch = nil
    }

    private func accept() {
        do throws(SystemCallError) {
            if let connection = try listener.accept() { accepted(connection) }
        } catch {
            // It would fail again at once, and the loop would do nothing else.
            guard let watch else { return }
            try? loop.change(watch, to: [])
            loop.schedule(after: Self.rest) { [weak self] in
                if let self, self.watch == watch { try? self.loop.change(watch, to: .readable) }
            }
        }
    }
}
