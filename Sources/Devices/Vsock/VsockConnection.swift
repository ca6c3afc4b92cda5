import Linux

/// A connection with its socket, in the hands of a `VsockSwitch`.
final class VsockConnection {
    /// Which connection it is: the guest knows no two by the same ports.
    struct Key: Hashable {
        let host: UInt32
        let guest: UInt32
    }

    let key: Key
    let allocation: UInt32
    var state: VsockStreamState
    /// nil before the host's program took the connection, and after it went.
    var socket: VsockHostSocket?
    var watch: EventLoop.Watch?
    /// When the present state has lasted too long, on `CLOCK_MONOTONIC` in nanoseconds.
    var deadline: UInt64?

    /// Its place in a `VsockReadyList`.
    fileprivate var next: VsockConnection?
    fileprivate unowned(unsafe) var previous: VsockConnection?
    fileprivate var isListed = false

    init(_ state: VsockStreamState, allocation: UInt32) {
        key = Key(host: state.host.port, guest: state.guest.port)
        self.state = state
        self.allocation = allocation
    }
}

/// Connections that may have something for the guest, the one that has waited longest first; each is in it once.
struct VsockReadyList: ~Copyable {
    private var first: VsockConnection?
    private unowned(unsafe) var last: VsockConnection?

    mutating func append(_ connection: VsockConnection) {
        guard !connection.isListed else { return }
        connection.isListed = true
        connection.previous = last
        if let last { last.next = connection } else { first = connection }
        last = connection
    }

    mutating func remove(_ connection: VsockConnection) {
        guard connection.isListed else { return }
        connection.isListed = false
        let next = connection.next
        if let next { next.previous = connection.previous } else { last = connection.previous }
        if let previous = connection.previous { previous.next = next } else { first = next }
        connection.next = nil
        connection.previous = nil
    }

    mutating func popFirst() -> VsockConnection? {
        guard let first else { return nil }
        remove(first)
        return first
    }
}
