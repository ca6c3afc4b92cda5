import CLinux

/// The readable or the writable buffers of a descriptor chain, in order: host views of checked guest memory, whose
/// bytes the guest can change at any time.
///
/// It points into its queue's scratch space and is valid until the queue's next `pop`; what is needed for longer is
/// copied out with `copySegments(to:)`.
public struct SegmentList {
    @usableFromInline var base: UnsafeMutablePointer<iovec>
    /// Number of buffers; none of them is empty.
    public internal(set) var count: Int
    /// Bytes in all buffers, less than 4 GiB.
    public internal(set) var byteCount: Int

    init(base: UnsafeMutablePointer<iovec>, count: Int, byteCount: Int) {
        self.base = base
        self.count = count
        self.byteCount = byteCount
    }

    /// Buffers in a list of the caller's, which must outlive this; none of them is empty.
    public init(base: UnsafeMutablePointer<iovec>, count: Int) {
        let buffers = UnsafeMutableBufferPointer(start: base, count: count)
        self.init(base: base, count: count, byteCount: buffers.reduce(0) { $0 + $1.iov_len })
    }

    /// The buffers as readv(2) and writev(2) take them.
    public var segments: UnsafeMutableBufferPointer<iovec> { .init(start: base, count: count) }

    public func copySegments(to destination: UnsafeMutablePointer<iovec>) {
        destination.update(from: base, count: count)
    }

    /// Drops up to `amount` bytes from the start.
    public mutating func removeFirst(_ amount: Int) {
        var rest = min(max(amount, 0), byteCount)
        byteCount -= rest
        while rest > 0 {
            let length = base.pointee.iov_len
            if rest < length {
                base.pointee.iov_base += rest
                base.pointee.iov_len = length - rest
                return
            }
            rest -= length
            base += 1
            count -= 1
        }
    }

    /// Drops what is after the first `amount` bytes.
    public mutating func truncate(to amount: Int) {
        guard amount < byteCount else { return }
        byteCount = max(amount, 0)
        var rest = byteCount
        var kept = 0
        while rest > 0 {
            if rest < base[kept].iov_len { base[kept].iov_len = rest }
            rest -= base[kept].iov_len
            kept += 1
        }
        count = kept
    }

    /// Takes the last byte off, such as a request's status.
    ///
    /// - Returns: where it is; nil when there is none.
    public mutating func removeLastByte() -> UnsafeMutablePointer<UInt8>? {
        guard count > 0 else { return nil }
        let last = base + (count - 1)
        last.pointee.iov_len -= 1
        byteCount -= 1
        if last.pointee.iov_len == 0 { count -= 1 }
        return last.pointee.iov_base.assumingMemoryBound(to: UInt8.self) + last.pointee.iov_len
    }

    /// Copies the first bytes out, once.
    ///
    /// - Returns: how many; fewer than fit when the list has fewer.
    @discardableResult
    public func read(into destination: UnsafeMutableRawBufferPointer) -> Int {
        var copied = 0
        var index = 0
        while index < count, copied < destination.count {
            let length = min(base[index].iov_len, destination.count - copied)
            UnsafeMutableRawBufferPointer(rebasing: destination[copied..<copied + length])
                .copyMemory(from: UnsafeRawBufferPointer(start: base[index].iov_base, count: length))
            copied += length
            index += 1
        }
        return copied
    }

    /// Copies a value out from the first bytes, once.
    ///
    /// - Returns: nil when the list is shorter.
    @inlinable
    public func load<Value: BitwiseCopyable>(as type: Value.Type = Value.self) -> Value? {
        guard byteCount >= MemoryLayout<Value>.size else { return nil }
        if base.pointee.iov_len >= MemoryLayout<Value>.size {
            return base.pointee.iov_base.loadUnaligned(as: Value.self)
        }
        return withUnsafeTemporaryAllocation(
            byteCount: MemoryLayout<Value>.size, alignment: MemoryLayout<Value>.alignment
        ) { bytes in
            read(into: bytes)
            return bytes.loadUnaligned(as: Value.self)
        }
    }

    /// Copies `source` into the first bytes.
    ///
    /// - Returns: how many bytes; fewer than `source` has when the list is shorter.
    @discardableResult
    public func write(_ source: UnsafeRawBufferPointer) -> Int {
        var copied = 0
        var index = 0
        while index < count, copied < source.count {
            let length = min(base[index].iov_len, source.count - copied)
            UnsafeMutableRawBufferPointer(start: base[index].iov_base, count: length)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[copied..<copied + length]))
            copied += length
            index += 1
        }
        return copied
    }

    /// Copies a value into the first bytes.
    ///
    /// - Returns: how many bytes; fewer than the value has when the list is shorter.
    @discardableResult
    public func store<Value: BitwiseCopyable>(_ value: Value) -> Int {
        withUnsafeBytes(of: value) { write($0) }
    }
}
