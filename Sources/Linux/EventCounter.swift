import CLinux
import Glibc

/// An eventfd(2): a counter that one side adds to and the other waits on.
public struct EventCounter: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor

    public init() throws(SystemCallError) {
        let raw = try systemCall("eventfd") { eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK)) }
        descriptor = OwnedDescriptor(adopting: raw)
    }

    /// Wakes the waiting side. A counter about to overflow is already awake, so its `EAGAIN` is success.
    @inlinable
    public func signal() {
        eventfd_write(descriptor.rawValue, 1)
    }

    /// Whether there is anything to take; it stays there.
    public var isSignalled: Bool {
        var event = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) == 1
    }

    /// Waits until there is something to take.
    public func await() {
        var event = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        _ = poll(&event, 1, -1)
    }

    /// Takes all that was signalled so far.
    ///
    /// - Returns: whether there was anything.
    @inlinable
    @discardableResult
    public func drain() -> Bool {
        var value: eventfd_t = 0
        return eventfd_read(descriptor.rawValue, &value) == 0
    }
}

/// An event counter with several owners, such as closures.
public final class SharedEventCounter: Sendable {
    public let counter: EventCounter

    public init() throws(SystemCallError) {
        counter = try EventCounter()
    }
}
