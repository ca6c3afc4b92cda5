import System

/// Waits for descriptors, one event at a time.
///
/// A descriptor that was reported is not watched any more until it is armed again, so that one which has hung up, and which
/// epoll would report for ever, does not keep the agent busy while it waits for another.
final class Poller {
    private let descriptor = epoll_create1(CInt(EPOLL_CLOEXEC))
    /// By descriptor.
    private var clients: [PollerClient?] = []

    /// - Parameter events: what to wait for first; hang-ups and errors are always reported.
    func watch(_ member: CInt, for events: CInt, _ client: PollerClient) {
        let index = Int(member)
        while clients.count <= index { clients.append(nil) }
        clients[index] = client
        set(member, EPOLL_CTL_ADD, events)
    }

    func arm(_ member: CInt, for events: CInt) {
        set(member, EPOLL_CTL_MOD, events)
    }

    /// Stops watching; to be called before the descriptor is closed.
    func forget(_ member: CInt) {
        set(member, EPOLL_CTL_DEL, 0)
        if Int(member) < clients.count { clients[Int(member)] = nil }
    }

    private func set(_ member: CInt, _ operation: CInt, _ events: CInt) {
        var event = epoll_event()
        event.events = UInt32(bitPattern: events) | UInt32(1 << 30)  // EPOLLONESHOT
        event.data.fd = member
        epoll_ctl(descriptor, operation, member, &event)
    }

    /// Waits for the next event and serves it.
    func turn() {
        var event = epoll_event()
        guard epoll_wait(descriptor, &event, 1, -1) == 1 else { return }
        let member = event.data.fd
        guard member >= 0, Int(member) < clients.count, let client = clients[Int(member)] else { return }
        client.ready(member, CInt(bitPattern: event.events))
    }
}

/// Who is told of a descriptor's events.
class PollerClient {
    func ready(_ descriptor: CInt, _ events: CInt) {}
}
