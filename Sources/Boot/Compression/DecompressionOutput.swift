import Glibc

/// Where a decompressor puts its bytes: a caller's buffer, or memory that grows up to a limit.
struct DecompressionOutput: ~Copyable {
    /// The most bytes that will be taken.
    let limit: Int
    /// Bytes taken so far.
    private(set) var count = 0
    let isGrowing: Bool
    private var start: UnsafeMutableRawPointer?
    private var capacity: Int

    init(filling buffer: UnsafeMutableRawBufferPointer) {
        limit = buffer.count
        // Libraries want an address even for no bytes.
        isGrowing = buffer.baseAddress == nil
        start = buffer.baseAddress ?? malloc(1)
        capacity = buffer.count
    }

    /// - Parameter sourceCount: bytes of compressed data, from which the first allocation is guessed.
    init(growingTo limit: Int, sourceCount: Int) {
        self.limit = max(limit, 0)
        isGrowing = true
        start = nil
        let guess = sourceCount.multipliedReportingOverflow(by: 4)
        capacity = min(self.limit, max(guess.overflow ? 0 : guess.partialValue, 64 << 10))
        start = malloc(max(capacity, 1))
        if start == nil { capacity = 0 }
    }

    deinit { if isGrowing { free(start) } }

    /// Room for the next bytes: empty only once the limit is reached.
    ///
    /// - Parameter wanted: bytes; less than this only where the limit is nearer.
    /// - Returns: nil when the host has not got the memory.
    mutating func room(atLeast wanted: Int = 1) -> UnsafeMutableRawBufferPointer? {
        let needed = count + min(wanted, limit - count)
        if needed > capacity {
            let doubled = capacity.multipliedReportingOverflow(by: 2)
            let larger = doubled.overflow ? limit : min(limit, max(doubled.partialValue, needed))
            guard isGrowing, let moved = realloc(start, larger) else { return nil }
            start = moved
            capacity = larger
        }
        guard let start else { return nil }
        return UnsafeMutableRawBufferPointer(start: start + count, count: capacity - count)
    }

    /// Takes the first `added` bytes of the last `room()`.
    mutating func commit(_ added: Int) {
        count = min(count + added, capacity)
    }

    func copyOfBytes() -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }
}
