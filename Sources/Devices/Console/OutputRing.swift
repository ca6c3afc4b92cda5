import Synchronization

/// A bounded queue of bytes between one producer and one consumer, without locks.
///
/// Positions count all bytes ever queued, modulo the word size; a position's byte is at the position modulo
/// the capacity. The producer alone moves `tail`, the consumer alone moves `head`.
public final class OutputRing: Sendable {
    /// Bytes; a power of two.
    public let capacity: Int
    private let mask: UInt
    private let storage: Storage
    private let headPosition = Atomic<UInt>(0)
    private let tailPosition = Atomic<UInt>(0)

    /// - Parameter capacity: bytes, rounded up to a power of two of at least 64.
    public init(capacity: Int = 64 << 10) {
        let bits = UInt.bitWidth - UInt(max(capacity, 64) - 1).leadingZeroBitCount
        self.capacity = 1 << bits
        mask = UInt(self.capacity) - 1
        storage = Storage(count: self.capacity)
    }

    /// The position of the oldest byte.
    public var head: UInt { headPosition.load(ordering: .acquiring) }

    /// The position the next byte will have.
    ///
    /// Sequentially consistent, like the store in `append`: the two sides' announcements that they wait
    /// (`Console`) are ordered against it.
    public var tail: UInt { tailPosition.load(ordering: .sequentiallyConsistent) }

    public var isEmpty: Bool { head == tail }

    /// Bytes that can be appended. Only ever too low when asked by the producer.
    public var room: Int {
        let head = headPosition.load(ordering: .sequentiallyConsistent)
        let tail = tailPosition.load(ordering: .relaxed)
        return capacity - Int(bitPattern: tail &- head)
    }

    /// Adds a byte at the end. For the producer.
    ///
    /// - Returns: whether there was room.
    public func append(_ byte: UInt8) -> Bool {
        let tail = tailPosition.load(ordering: .relaxed)
        guard tail &- headPosition.load(ordering: .acquiring) < UInt(capacity) else { return false }
        storage.start[Int(bitPattern: tail & mask)] = byte
        tailPosition.store(tail &+ 1, ordering: .sequentiallyConsistent)
        return true
    }

    /// Adds as many of `bytes` at the end as there is room for. For the producer.
    ///
    /// - Returns: how many those were.
    public func append(contentsOf bytes: UnsafeRawBufferPointer) -> Int {
        let tail = tailPosition.load(ordering: .relaxed)
        let count = min(bytes.count, room)
        let offset = Int(bitPattern: tail & mask)
        let first = min(count, capacity - offset)
        let storage = UnsafeMutableRawBufferPointer(start: storage.start, count: capacity)
        UnsafeMutableRawBufferPointer(rebasing: storage[offset..<offset + first])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<first]))
        UnsafeMutableRawBufferPointer(rebasing: storage[..<(count - first)])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[first..<count]))
        tailPosition.store(tail &+ UInt(count), ordering: .sequentiallyConsistent)
        return count
    }

    /// The queued bytes from `position` on, up to the newest one or to where the ring wraps round. For the
    /// consumer; the bytes stay valid until they are removed.
    ///
    /// - Parameter position: between `head` and `tail`; elsewhere there are no bytes.
    public func bytes(from position: UInt) -> UnsafeRawBufferPointer {
        let available = tail &- position
        guard position &- head <= UInt(capacity), available <= UInt(capacity) else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        let offset = Int(bitPattern: position & mask)
        return UnsafeRawBufferPointer(
            start: storage.start + offset, count: min(Int(bitPattern: available), capacity - offset))
    }

    /// Removes the oldest bytes. For the consumer.
    ///
    /// - Parameter count: at most as many as there are; more are not removed.
    public func remove(_ count: Int) {
        let head = headPosition.load(ordering: .relaxed)
        let removed = min(UInt(max(count, 0)), tail &- head)
        headPosition.store(head &+ removed, ordering: .sequentiallyConsistent)
    }

    /// The bytes themselves, in memory that both sides reach without the compiler's exclusivity checks.
    private struct Storage: ~Copyable, @unchecked Sendable {
        // Sendable: `head` and `tail` say which side may touch which byte.
        let start: UnsafeMutablePointer<UInt8>

        init(count: Int) {
            // Not initialised: pages that no output has reached yet take no memory.
            start = .allocate(capacity: count)
        }

        deinit { start.deallocate() }
    }
}
