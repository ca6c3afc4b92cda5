import CLinux
import Virtio

/// Buffers that a driver gave for the next frames, in order, ready to be received into.
///
/// After the last buffer of the guest comes one of our own, the spill, so that a frame which is longer than the
/// buffers is seen to be so and is kept whole.
struct ReceiveWindow: ~Copyable {
    private struct Chain {
        let head: UInt16
        let segmentCount: Int
        let byteCount: Int
    }

    /// `UIO_MAXIOV`.
    private static let segmentCapacity = 1024

    private let segments: UnsafeMutableBufferPointer<iovec>
    private let chains: UnsafeMutableBufferPointer<Chain>
    private let spill: UnsafeMutableRawBufferPointer
    private var segmentRange = 0..<0
    private var chainRange = 0..<0
    /// Bytes in all buffers.
    private(set) var byteCount = 0
    /// Whether a chain had no room.
    private(set) var isFull = false

    /// - Parameters:
    ///   - chainCapacity: how many chains a driver can give at most.
    ///   - spillSize: bytes of the longest frame with its header.
    init(chainCapacity: Int, spillSize: Int) {
        segments = .allocate(capacity: Self.segmentCapacity)
        chains = .allocate(capacity: chainCapacity)
        spill = .allocate(byteCount: spillSize, alignment: 16)
    }

    deinit {
        segments.deallocate()
        chains.deallocate()
        spill.deallocate()
    }

    var isEmpty: Bool { chainRange.isEmpty }

    mutating func removeAll() {
        segmentRange = 0..<0
        chainRange = 0..<0
        byteCount = 0
        isFull = false
    }

    // MARK: Buffers

    /// Adds a chain's buffers.
    ///
    /// - Parameter spilled: a part of the spill to continue with in these buffers; what fits is taken off its start.
    /// - Returns: whether there was room.
    mutating func append(_ chain: DescriptorChain, spilled: inout Range<Int>) -> Bool {
        let list = chain.writable
        // One is left for the spill.
        if segmentRange.upperBound + list.count >= segments.count { moveSegmentsToStart() }
        if chainRange.upperBound == chains.count { moveChainsToStart() }
        guard segmentRange.upperBound + list.count < segments.count, chainRange.upperBound < chains.count,
            let base = segments.baseAddress
        else {
            isFull = true
            return false
        }
        list.copySegments(to: base + segmentRange.upperBound)
        chains[chainRange.upperBound] = Chain(
            head: chain.head, segmentCount: list.count, byteCount: list.byteCount)
        segmentRange = segmentRange.lowerBound..<segmentRange.upperBound + list.count
        chainRange = chainRange.lowerBound..<chainRange.upperBound + 1
        byteCount += list.byteCount

        let count = min(spilled.count, list.byteCount)
        list.write(UnsafeRawBufferPointer(rebasing: spill[spilled.lowerBound..<spilled.lowerBound + count]))
        spilled = spilled.lowerBound + count..<spilled.upperBound
        return true
    }

    private mutating func moveSegmentsToStart() {
        guard let base = segments.baseAddress else { return }
        base.update(from: base + segmentRange.lowerBound, count: segmentRange.count)
        segmentRange = 0..<segmentRange.count
    }

    private mutating func moveChainsToStart() {
        guard let base = chains.baseAddress else { return }
        base.update(from: base + chainRange.lowerBound, count: chainRange.count)
        chainRange = 0..<chainRange.count
    }

    // MARK: A frame

    /// All buffers and the spill, to receive into.
    var vector: UnsafeMutableBufferPointer<iovec> {
        segments[segmentRange.upperBound] = iovec(iov_base: spill.baseAddress, iov_len: spill.count)
        return UnsafeMutableBufferPointer(
            rebasing: segments[segmentRange.lowerBound...segmentRange.upperBound])
    }

    /// Bytes of what was received, counted from the start of the first buffer.
    func load<let count: Int>(at offset: Int) -> InlineArray<count, UInt8> {
        var bytes = InlineArray<count, UInt8>(repeating: 0)
        forEachByte(at: offset, count: count) { index, byte in bytes[index] = byte.pointee }
        return bytes
    }

    func store<let count: Int>(_ bytes: InlineArray<count, UInt8>, at offset: Int) {
        forEachByte(at: offset, count: count) { index, byte in byte.pointee = bytes[index] }
    }

    private func forEachByte(
        at offset: Int, count: Int, _ body: (Int, UnsafeMutablePointer<UInt8>) -> Void
    ) {
        var (toSkip, done) = (offset, 0)
        for segment in vector {
            let length = segment.iov_len
            while toSkip < length, done < count {
                body(done, segment.iov_base.assumingMemoryBound(to: UInt8.self) + toSkip)
                toSkip += 1
                done += 1
            }
            if done == count { return }
            toSkip -= length
        }
    }

    /// How many chains the first `length` bytes take, which must be there.
    func chainCount(for length: Int) -> Int {
        var (count, bytes) = (0, 0)
        while bytes < length, count < chainRange.count {
            bytes += chains[chainRange.lowerBound + count].byteCount
            count += 1
        }
        return count
    }

    /// Gives the first `count` chains back, with `length` bytes written to them.
    mutating func complete(_ count: Int, length: Int, in queue: Virtqueue) {
        var rest = length
        for chain in chains[chainRange].prefix(count) {
            let written = min(rest, chain.byteCount)
            queue.complete(head: chain.head, written: written)
            rest -= written
            byteCount -= chain.byteCount
            segmentRange = segmentRange.lowerBound + chain.segmentCount..<segmentRange.upperBound
        }
        chainRange = chainRange.lowerBound + min(count, chainRange.count)..<chainRange.upperBound
        isFull = false
    }
}
