import CLinux
import GuestMemory

/// One request of a driver: the buffers that the device reads, followed by those that it writes (virtio 1.3 §2.7.4.2).
public struct DescriptorChain {
    /// The first descriptor's index, by which the driver knows the chain.
    public let head: UInt16
    public var readable: SegmentList
    public var writable: SegmentList
}

/// Collects and checks a chain's buffers.
struct ChainBuilder {
    private let segments: UnsafeMutablePointer<iovec>
    private var count = 0
    private var readableCount = 0
    private var readableBytes = 0
    private var writableBytes = 0
    private var hasWritable = false

    /// - Parameter segments: room for as many buffers as are appended.
    init(segments: UnsafeMutablePointer<iovec>) {
        self.segments = segments
    }

    mutating func append(_ descriptor: virtqueue_descriptor, _ memory: GuestMemory) throws(QueueError) {
        let isWritable = descriptor.flags & SplitRing.DescriptorFlag.write != 0
        guard isWritable || !hasWritable else { throw .readableAfterWritable }
        hasWritable = isWritable
        let length = Int(descriptor.length)
        // Readable and writable bytes together stay below 4 GiB (virtio 1.3 §2.7.5.2).
        guard readableBytes + writableBytes + length <= UInt32.max else { throw .tooManyBytes }
        let bytes: UnsafeMutableRawBufferPointer
        do throws(GuestMemoryError) {
            bytes = try memory.bytes(at: descriptor.address, count: length)
        } catch {
            throw .buffer(address: descriptor.address, length: descriptor.length)
        }
        guard length > 0 else { return }
        segments[count] = iovec(iov_base: bytes.baseAddress, iov_len: length)
        count += 1
        if isWritable {
            writableBytes += length
        } else {
            readableBytes += length
            readableCount += 1
        }
    }

    func finished(head: UInt16) -> DescriptorChain {
        DescriptorChain(
            head: head,
            readable: SegmentList(base: segments, count: readableCount, byteCount: readableBytes),
            writable: SegmentList(
                base: segments + readableCount, count: count - readableCount, byteCount: writableBytes))
    }
}
