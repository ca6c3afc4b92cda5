import Synchronization

/// What passed through a device since it was made; the device's thread counts, any thread may read.
public final class TrafficStatistics: Sendable {
    /// Counts of one direction.
    public struct Counts: Codable, Equatable, Sendable {
        /// Requests, frames or packets that were served.
        public let requests: UInt64
        /// Of what they carried, without the headers of virtio.
        public let bytes: UInt64
        /// Those that failed, or were thrown away.
        public let errors: UInt64

        public init(requests: UInt64, bytes: UInt64, errors: UInt64) {
            self.requests = requests
            self.bytes = bytes
            self.errors = errors
        }
    }

    public struct Direction: ~Copyable, Sendable {
        private let requests = Atomic<UInt64>(0)
        private let bytes = Atomic<UInt64>(0)
        private let errors = Atomic<UInt64>(0)

        public func count(bytes count: Int) {
            Self.add(1, to: requests)
            Self.add(UInt64(clamping: count), to: bytes)
        }

        public func countError() {
            Self.add(1, to: errors)
        }

        public var counts: Counts {
            Counts(
                requests: requests.load(ordering: .relaxed), bytes: bytes.load(ordering: .relaxed),
                errors: errors.load(ordering: .relaxed))
        }

        /// There is one thread that adds, so it need not be done at once.
        private static func add(_ value: UInt64, to counter: borrowing Atomic<UInt64>) {
            counter.store(counter.load(ordering: .relaxed) &+ value, ordering: .relaxed)
        }
    }

    public let toGuest = Direction()
    public let fromGuest = Direction()

    public init() {}
}
