import Synchronization

/// What passed through a network device; one thread counts, any thread may read.
public final class NetStatistics: Sendable {
    /// Counts of one direction since the device was made.
    public struct Direction: Codable, Equatable, Sendable {
        public let frames: UInt64
        /// Of the frames, without the headers of virtio.
        public let bytes: UInt64
        /// Frames that were thrown away.
        public let drops: UInt64

        public init(frames: UInt64, bytes: UInt64, drops: UInt64) {
            self.frames = frames
            self.bytes = bytes
            self.drops = drops
        }
    }

    struct Counters: ~Copyable, Sendable {
        private let frames = Atomic<UInt64>(0)
        private let bytes = Atomic<UInt64>(0)
        private let drops = Atomic<UInt64>(0)

        func count(frameOf length: Int) {
            frames.wrappingAdd(1, ordering: .relaxed)
            bytes.wrappingAdd(UInt64(clamping: length), ordering: .relaxed)
        }

        func countDrop() {
            drops.wrappingAdd(1, ordering: .relaxed)
        }

        var values: Direction {
            Direction(
                frames: frames.load(ordering: .relaxed), bytes: bytes.load(ordering: .relaxed),
                drops: drops.load(ordering: .relaxed))
        }
    }

    let receive = Counters()
    let transmit = Counters()

    /// To the guest.
    public var received: Direction { receive.values }
    /// From the guest.
    public var transmitted: Direction { transmit.values }
}
