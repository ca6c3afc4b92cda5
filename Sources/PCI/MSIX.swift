import Linux
import Synchronization

/// Takes care that signals of a function's vectors reach the guest.
public protocol MSIXSink: Sendable {
    /// Makes `changes` the way vectors are delivered from now on. Called one at a time for each function.
    func apply(_ changes: [MSIX.Change])

    /// Gives back what it has of the host's, as there will be no more changes. No vector is delivered any more.
    func close()
}

extension MSIXSink {
    public func close() {}
}

/// A function's MSI-X vectors (PCI Express Base Specification 6.0 §6.1.4.2, §7.7.2).
///
/// Whoever interrupts signals the event of a vector, whatever the guest has made of the vector: a delivered vector's event
/// is bound to the guest's interrupt controllers, and a masked one's signals collect in the event until it is bound
/// again. That makes the event the pending bit as well.
public final class MSIX: Sendable {
    /// The most vectors that a function can have.
    public static let limit = 2048

    /// The memory write that interrupts.
    public struct Message: Codable, Equatable, Sendable {
        public var address: UInt64
        public var data: UInt32
    }

    /// How a vector is delivered from now on.
    public struct Change: Sendable {
        public let vector: Int
        public let event: SharedEventCounter
        /// Whether it has been delivered so far, with another message if at all.
        public let wasDelivered: Bool
        /// nil while the vector is masked.
        public let message: Message?
    }

    /// A row of the table as the guest reads it.
    struct Entry: Codable, Equatable, Sendable {
        var message = Message(address: 0, data: 0)
        var isMasked = true
    }

    private struct Guarded: Sendable {
        var entries: [Entry]
        /// The capability's two bits.
        var isEnabled = false
        var isFunctionMasked = false
        /// Whether changes are handed over at once.
        var isLive = false
        /// Whether the function is gone, whatever a vCPU that was late still does to it.
        var isClosed = false
        /// What was handed over last; nil where a vector is masked.
        var delivered: [Message?]
    }

    /// Signalled to interrupt, by vector.
    public let events: [SharedEventCounter]
    private let sink: any MSIXSink
    private let guarded: Mutex<Guarded>

    /// - Parameters:
    ///   - count: 1 to 2048 vectors.
    /// - Throws: when the host has no more file descriptors for events.
    public init(count: Int, sink: any MSIXSink) throws(SystemCallError) {
        precondition((1...Self.limit).contains(count))
        var events: [SharedEventCounter] = []
        for _ in 0..<count { events.append(try SharedEventCounter()) }
        self.events = events
        self.sink = sink
        guarded = Mutex(
            Guarded(
                entries: Array(repeating: Entry(), count: count), delivered: Array(repeating: nil, count: count)))
    }

    public var count: Int { events.count }

    // MARK: For the function

    /// Hands all changes so far over at once, and each further one as it comes: when the driver has set the function
    /// up. A driver writes each vector several times before, for which the host would do much work in vain.
    public func startDelivery() {
        guarded.withLock { guarded in
            guarded.isLive = !guarded.isClosed
            handOver(&guarded, events.indices)
        }
    }

    /// Keeps further changes until delivery starts again and forgets pending interrupts: when the function was reset.
    public func stopDelivery() {
        guarded.withLock { $0.isLive = false }
        for event in events { event.counter.drain() }
    }

    /// Delivers nothing any more, for good: when the function was taken off its bus.
    public func close() {
        guarded.withLock { guarded in
            guard !guarded.isClosed else { return }
            guarded.isClosed = true
            guarded.isLive = false
            let changes = events.indices.filter { guarded.delivered[$0] != nil }.map {
                Change(vector: $0, event: events[$0], wasDelivered: true, message: nil)
            }
            guarded.delivered = Array(repeating: nil, count: events.count)
            if !changes.isEmpty { sink.apply(changes) }
            sink.close()
        }
    }

    // MARK: For the guest

    /// Takes the bits of the capability's message control.
    func setControl(isEnabled: Bool, isFunctionMasked: Bool) {
        guarded.withLock { guarded in
            guard (isEnabled, isFunctionMasked) != (guarded.isEnabled, guarded.isFunctionMasked) else { return }
            guarded.isEnabled = isEnabled
            guarded.isFunctionMasked = isFunctionMasked
            handOver(&guarded, events.indices)
        }
    }

    /// The table's entry for a vector; nil where there is none.
    subscript(vector: Int) -> Entry? {
        events.indices.contains(vector) ? guarded.withLock { $0.entries[vector] } : nil
    }

    /// Changes the table's entry for a vector, if there is one.
    func update(_ vector: Int, _ change: (inout Entry) -> Void) {
        guard events.indices.contains(vector) else { return }
        guarded.withLock { guarded in
            change(&guarded.entries[vector])
            handOver(&guarded, vector..<vector + 1)
        }
    }

    /// The pending bits of vectors `64 * word` to `64 * word + 63`, the first in bit 0.
    func pendingBits(word: Int) -> UInt64 {
        guarded.withLock { guarded in
            var bits: UInt64 = 0
            for bit in 0..<64 where isPending(word * 64 + bit, guarded) { bits |= 1 << UInt64(bit) }
            return bits
        }
    }

    private func isPending(_ vector: Int, _ guarded: borrowing Guarded) -> Bool {
        events.indices.contains(vector) && guarded.delivered[vector] == nil && events[vector].counter.isSignalled
    }

    private func handOver(_ guarded: inout Guarded, _ vectors: Range<Int>) {
        guard guarded.isLive else { return }
        var changes: [Change] = []
        for vector in vectors {
            let entry = guarded.entries[vector]
            let isDelivered = guarded.isEnabled && !guarded.isFunctionMasked && !entry.isMasked
            let message = isDelivered ? entry.message : nil
            let before = guarded.delivered[vector]
            guard message != before else { continue }
            guarded.delivered[vector] = message
            changes.append(
                Change(vector: vector, event: events[vector], wasDelivered: before != nil, message: message))
        }
        if !changes.isEmpty { sink.apply(changes) }
    }

    // MARK: Snapshots

    /// What a guest can see, but for the capability's message control.
    public struct State: Codable, Equatable, Sendable {
        var entries: [Entry]
        /// Vectors with an interrupt that was not delivered.
        var pending: [Int]
    }

    public var state: State {
        guarded.withLock { guarded in
            State(entries: guarded.entries, pending: events.indices.filter { isPending($0, guarded) })
        }
    }

    /// Puts a saved state of as many vectors in place of the present one, before delivery starts.
    func restore(_ state: State) {
        guarded.withLock { $0.entries = state.entries }
        for vector in state.pending where events.indices.contains(vector) { events[vector].counter.signal() }
    }
}
