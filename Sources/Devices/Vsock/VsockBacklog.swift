import CLinux

/// Bytes on their way from the guest to a socket that does not take them yet: a ring of bounded size, whose memory is
/// only there once it has been needed.
struct VsockBacklog: ~Copyable {
    private let capacity: Int
    private var storage: UnsafeMutableRawBufferPointer?
    private var start = 0
    private(set) var count = 0

    /// - Parameter capacity: bytes; more than none.
    init(capacity: Int) {
        self.capacity = capacity
    }

    deinit { storage?.deallocate() }

    var isEmpty: Bool { count == 0 }

    /// Adds bytes to the end.
    ///
    /// - Returns: false, with nothing added, where there is not enough room.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= capacity - count else { return false }
        let storage = storage ?? .allocate(byteCount: capacity, alignment: 1)
        self.storage = storage
        let end = (start + count) % capacity
        let first = min(bytes.count, capacity - end)
        storage[end..<end + first].copyBytes(from: bytes[..<first])
        storage[..<(bytes.count - first)].copyBytes(from: bytes[first...])
        count += bytes.count
        return true
    }

    /// Hands the bytes to `body` in order, as one or two pieces, and drops as many as it took.
    ///
    /// - Returns: what `body` returned; it is negative for a failure, and not called when there are no bytes.
    mutating func consume(_ body: (UnsafeMutableBufferPointer<iovec>) -> Int) -> Int {
        guard let base = storage?.baseAddress, count > 0 else { return 0 }
        let first = min(count, capacity - start)
        var pieces = [2 of iovec](repeating: iovec())
        pieces[0] = iovec(iov_base: base + start, iov_len: first)
        pieces[1] = iovec(iov_base: base, iov_len: count - first)
        var span = pieces.mutableSpan
        let taken = span.withUnsafeMutableBufferPointer { pieces in
            body(UnsafeMutableBufferPointer(rebasing: pieces[..<(first < count ? 2 : 1)]))
        }
        let dropped = min(max(taken, 0), count)
        start = (start + dropped) % capacity
        count -= dropped
        return taken
    }

    mutating func removeAll() {
        count = 0
    }
}
