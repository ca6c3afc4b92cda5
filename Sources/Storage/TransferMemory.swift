import CLinux
import Linux

/// The memory that requests work with beside the guest's, all of it allocated beforehand; what is never used takes no
/// room.
struct TransferMemory: ~Copyable {
    /// What belongs to one request.
    struct Part {
        /// Where its segments are listed, as many as `capacity`.
        let segments: UnsafeMutablePointer<iovec>
        let capacity: Int
        /// A list of one segment: the bounce buffer.
        let bounceSegment: UnsafeMutablePointer<iovec>
        /// What misaligned segments are copied through; empty where nothing needs alignment.
        let bounce: UnsafeMutableRawBufferPointer
        /// Zeroes to write from, shared by all.
        let zeroes: UnsafeMutableRawBufferPointer
    }

    /// Bytes copied, or written as zeroes, in one piece; a multiple of every logical block.
    static let pieceSize = 64 << 10

    private let segmentsPerRequest: Int
    private let lists: UnsafeMutablePointer<iovec>
    private let bounces: MemoryMapping?
    private let zeroes: MemoryMapping

    init(requests: Int, segmentsPerRequest: Int, bouncing: Bool) throws(SystemCallError) {
        let zeroes = try MemoryMapping.anonymous(count: Self.pieceSize, subject: "zeroes to write")
        bounces = bouncing ? try .anonymous(count: requests * Self.pieceSize, subject: "bounce buffers") : nil
        self.zeroes = zeroes
        self.segmentsPerRequest = segmentsPerRequest
        lists = .allocate(capacity: requests * (segmentsPerRequest + 1))
    }

    deinit { lists.deallocate() }

    /// - Parameter tag: below the number of requests.
    subscript(tag: Int) -> Part {
        let list = lists + tag * (segmentsPerRequest + 1)
        let bounce =
            switch bounces {
            case .some(let mapping):
                UnsafeMutableRawBufferPointer(start: mapping.start + tag * Self.pieceSize, count: Self.pieceSize)
            case .none: UnsafeMutableRawBufferPointer(start: nil, count: 0)
            }
        return Part(
            segments: list + 1, capacity: segmentsPerRequest, bounceSegment: list, bounce: bounce, zeroes: zeroes.bytes)
    }
}
