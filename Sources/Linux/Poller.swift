import CLinux

/// An epoll(7) set whose members are known by a number of the caller's choosing.
public struct Poller: ~Copyable, Sendable {
    /// What a member is ready for, as epoll reports it.
    public struct Readiness: OptionSet, Sendable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        public static let readable = Readiness(rawValue: EPOLLIN.rawValue)
        public static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
        public static let hungUp = Readiness(rawValue: EPOLLHUP.rawValue)
        public static let failed = Readiness(rawValue: EPOLLERR.rawValue)
        /// The peer of a socket will send no more.
        public static let readHungUp = Readiness(rawValue: EPOLLRDHUP.rawValue)
        /// As an interest: tell of changes only.
        public static let edge = Readiness(rawValue: EPOLLET.rawValue)
    }

    public struct Event {
        public let token: UInt64
        public let readiness: Readiness
    }

    private let descriptor: OwnedDescriptor

    public init() throws(SystemCallError) {
        let raw = try systemCall("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) }
        descriptor = OwnedDescriptor(adopting: raw)
    }

    /// Starts watching `member` for `interest`, level-triggered.
    ///
    /// - Throws: `EPERM` where the member is a regular file or another thing that is always ready.
    public func add(_ member: CInt, for interest: Readiness, token: UInt64) throws(SystemCallError) {
        try control(EPOLL_CTL_ADD, member, interest, token)
    }

    /// Changes what a watched member is watched for; an empty set still reports hang-ups and errors.
    public func modify(_ member: CInt, for interest: Readiness, token: UInt64) throws(SystemCallError) {
        try control(EPOLL_CTL_MOD, member, interest, token)
    }

    public func remove(_ member: CInt) throws(SystemCallError) {
        try control(EPOLL_CTL_DEL, member, [], 0)
    }

    private func control(
        _ operation: CInt, _ member: CInt, _ interest: Readiness, _ token: UInt64
    ) throws(SystemCallError) {
        var event = epoll_event(events: interest.rawValue, data: epoll_data(u64: token))
        try systemCall("epoll_ctl") { epoll_ctl(descriptor.rawValue, operation, member, &event) }
    }

    /// Waits for the next events and hands each to `body`.
    ///
    /// - Parameter timeout: milliseconds; -1 waits for ever.
    public func wait(timeout: CInt = -1, _ body: (Event) -> Void) throws(SystemCallError) {
        var buffer = [16 of epoll_event](repeating: epoll_event())
        var span = buffer.mutableSpan
        let count = try span.withUnsafeMutableBufferPointer { events throws(SystemCallError) in
            try systemCall("epoll_wait") {
                epoll_wait(descriptor.rawValue, events.baseAddress, CInt(events.count), timeout)
            }
        }
        for index in 0..<Int(count) {
            let event = span[index]
            body(Event(token: event.data.u64, readiness: Readiness(rawValue: event.events)))
        }
    }
}
