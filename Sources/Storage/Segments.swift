import CLinux

/// The memory that a request has still to fill or to empty: a list of address ranges, used up from the front.
struct Segments {
    /// The first range that is left. One used in part has been cut to its rest.
    private(set) var first: UnsafeMutablePointer<iovec>
    private(set) var count: Int

    /// - Parameter count: at most as many as the list has room for.
    init(_ first: UnsafeMutablePointer<iovec>, count: Int) {
        self.first = first
        self.count = count
    }

    func fit(_ alignment: TransferAlignment) -> Bool {
        if alignment == .any { return true }
        return (0..<count).allSatisfy { index in
            UInt(bitPattern: first[index].iov_base) & UInt(alignment.memory - 1) == 0
                && first[index].iov_len & (alignment.logicalBlock - 1) == 0
        }
    }

    /// The first bytes as a list for a system call.
    ///
    /// - Parameters:
    ///   - limit: the most bytes that the list may have; a multiple of every alignment.
    ///   - total: bytes of all segments.
    ///   - spare: for a first segment that has more, in part.
    func prefix(
        _ limit: Int, of total: Int, _ spare: UnsafeMutablePointer<iovec>
    ) -> (list: UnsafeMutablePointer<iovec>, count: Int) {
        if total <= limit { return (first, count) }
        if first.pointee.iov_len > limit {
            spare.initialize(to: iovec(iov_base: first.pointee.iov_base, iov_len: limit))
            return (spare, 1)
        }
        var (taken, bytes) = (0, 0)
        while taken < count, bytes + first[taken].iov_len <= limit {
            bytes += first[taken].iov_len
            taken += 1
        }
        return (first, taken)
    }

    /// Uses up the first `bytes` bytes.
    mutating func drop(_ bytes: Int) {
        var rest = bytes
        while rest > 0 && count > 0 {
            let length = first.pointee.iov_len
            if rest < length {
                first.pointee.iov_base += rest
                first.pointee.iov_len -= rest
                return
            }
            rest -= length
            first += 1
            count -= 1
        }
    }

    /// Fills `buffer` with the first bytes, which stay.
    func copy(to buffer: UnsafeMutableRawBufferPointer) {
        forEachPart(of: buffer) { part, memory in part.copyMemory(from: UnsafeRawBufferPointer(memory)) }
    }

    /// Overwrites the first bytes, which stay, with `buffer`.
    func copy(from buffer: UnsafeMutableRawBufferPointer) {
        forEachPart(of: buffer) { part, memory in memory.copyMemory(from: UnsafeRawBufferPointer(part)) }
    }

    /// Calls `body` with the parts of `buffer` and the memory of the same length that belongs to each.
    private func forEachPart(
        of buffer: UnsafeMutableRawBufferPointer,
        _ body: (UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer) -> Void
    ) {
        var done = 0
        for index in 0..<count where done < buffer.count {
            let length = min(first[index].iov_len, buffer.count - done)
            body(
                UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + length)]),
                UnsafeMutableRawBufferPointer(start: first[index].iov_base, count: length))
            done += length
        }
    }
}
