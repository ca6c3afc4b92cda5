import Synchronization

/// What is known of a balloon: written by its device, read from any thread.
public final class BalloonLedger: Sendable {
    public struct Reading: Equatable, Sendable {
        /// Bytes that the guest is asked to give back, and those that it says it has.
        public internal(set) var target: UInt64 = 0
        public internal(set) var actual: UInt64 = 0
        /// Bytes that the host got, whether given up or reported as free; the same page counts each time.
        public internal(set) var discarded: UInt64 = 0
        /// The guest's latest; nil before any came.
        public internal(set) var statistics: BalloonStatistics?
    }

    private let current = Mutex(Reading())

    public init() {}

    public var reading: Reading { current.withLock { $0 } }

    func update(_ change: (inout Reading) -> Void) {
        current.withLock { change(&$0) }
    }
}
