import CLinux
import Glibc
import Linux
import Virtio

/// A port's peer that listens on a Unix socket and talks with one client at a time; the others wait for their turn.
///
/// A client's input is read until its end, as the guest takes it, even when the client has left. What the guest writes
/// while there is no client waits in the guest.
public final class SocketPeer: PortPeer {
    /// Nanoseconds until a connection is tried again that the host had no room for.
    private static let rest: UInt64 = 100_000_000

    /// Nil after the end.
    private var listener: UnixListener?
    private var listenerWatch: EventLoop.Watch?
    private var loop: EventLoop?
    private var changed: () -> Void = {}
    private var client: OwnedDescriptor?
    private var watch: EventLoop.Watch?
    /// The client has left, and only its input remains.
    private var isClosed = false

    /// - Parameter path: of the socket; a file that a socket left behind there is replaced.
    public init(path: String) throws(SystemCallError) {
        listener = try UnixListener(path: path)
    }

    public var isConnected: Bool { client != nil }

    public func attach(to loop: EventLoop, changed: @escaping () -> Void) throws(SystemCallError) {
        self.loop = loop
        self.changed = changed
        guard let listening = listener?.descriptor.rawValue else { return }
        listenerWatch = try loop.watch(listening, for: [.readable, .edge]) { [unowned self] _ in accept() }
    }

    public func close() {
        for watch in [listenerWatch, watch] { if let watch { loop?.remove(watch) } }
        listener = nil
        client = nil
    }

    public func write(_ output: SegmentList) -> Int {
        guard !isClosed, let descriptor = client?.rawValue else { return 0 }
        var message = msghdr()
        message.msg_iov = output.segments.baseAddress
        message.msg_iovlen = output.segments.count
        // When it fails because the client has left, there is an event that says so.
        let count = try? systemCall("sendmsg") {
            sendmsg(descriptor, &message, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
        return count ?? 0
    }

    public func read(into input: SegmentList) -> Int {
        guard let descriptor = client?.rawValue else { return 0 }
        let count = try? systemCall("readv") {
            readv(descriptor, input.segments.baseAddress, CInt(clamping: input.segments.count))
        }
        // Whoever calls is at work with the port, and hears of the change later.
        if count ?? 0 == 0, isClosed { loop?.defer { [weak self] in self?.disconnect(descriptor) } }
        return count ?? 0
    }

    // MARK: -

    private func accept() {
        guard client == nil, let loop else { return }
        do throws(SystemCallError) {
            guard let next = try listener?.accept() else { return }
            let descriptor = next.rawValue
            client = consume next
            isClosed = false
            // By edges: the queues are served until the client has no more input, or takes no more output.
            watch = try loop.watch(descriptor, for: [.readable, .writable, .readHungUp, .edge]) { [unowned self] in
                clientChanged($0)
            }
            changed()
        } catch {
            // The host has no room for a connection now, and nothing tells when it has.
            client = nil
            loop.schedule(after: Self.rest) { [weak self] in self?.accept() }
        }
    }

    private func clientChanged(_ readiness: Poller.Readiness) {
        guard let descriptor = client?.rawValue else { return }
        if !readiness.isDisjoint(with: [.hungUp, .failed]) { isClosed = true }
        if isClosed, !hasInput(descriptor) { disconnect(descriptor) } else { changed() }
    }

    private func hasInput(_ descriptor: CInt) -> Bool {
        var count: CInt = 0
        return ioctl(descriptor, UInt(FIONREAD), &count) == 0 && count > 0
    }

    /// - Parameter descriptor: of the client that is meant, which may have gone since.
    private func disconnect(_ descriptor: CInt) {
        guard client?.rawValue == descriptor, isClosed else { return }
        if let watch { loop?.remove(watch) }
        watch = nil
        client = nil
        changed()
        accept()
    }
}
