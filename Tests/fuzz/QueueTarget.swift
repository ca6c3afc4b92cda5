import GuestMemory
import VirtioTesting

@testable import Virtio

/// The descriptor chain iterator: an input is a byte of features, then the guest's memory with one queue.
struct QueueTarget: FuzzTarget {
    private let memory = GuestImage.makeMemory()

    func run(_ input: UnsafeRawBufferPointer) {
        var reader = InputReader(input)
        let choices = reader.take(UInt8.self)
        GuestImage.load(reader.rest, into: memory)
        var features: Features = .version1
        if choices & 1 != 0 { features.insert(.eventIndex) }
        if choices & 2 != 0 { features.insert(.indirectDescriptors) }
        let guest = GuestImage.queue(0, in: memory)
        do throws(QueueError) {
            let queue = try Virtqueue(
                guest.configuration, features: features, memory: memory,
                interrupt: Interrupt(event: nil, cause: .usedBuffer))
            _ = try queue.drain { chain throws(QueueError) in
                // Touch every byte, so that a wrong one is found out.
                var sum: UInt8 = 0
                for segment in chain.readable.segments {
                    sum = UnsafeRawBufferPointer(start: segment.iov_base, count: segment.iov_len).reduce(sum, &+)
                }
                for segment in chain.writable.segments {
                    segment.iov_base.initializeMemory(as: UInt8.self, repeating: sum, count: segment.iov_len)
                }
                chain.readable.removeFirst(Int(sum))
                chain.writable.truncate(to: Int(sum))
                _ = chain.readable.load(as: UInt64.self)
                chain.writable.store(UInt64(sum))
                _ = chain.writable.removeLastByte()
                queue.complete(head: chain.head, written: chain.writable.byteCount)
                return choices & 4 == 0 || sum & 1 == 0
            }
        } catch {
            _ = error.description
        }
    }

    var seeds: [[UInt8]] {
        (0..<4 as Range<UInt8>).map { choices in
            [choices]
                + GuestImage.image(count: 0x600) { memory in
                    let queue = GuestImage.queue(0, in: memory)
                    try queue.add([.readable(GuestImage.buffers, 16), .writable(GuestImage.buffers + 64, 512)])
                    try queue.add([.writable(GuestImage.buffers, 8)], indirectTable: choices & 2 != 0 ? 0x500 : nil)
                    try queue.add([.readable(GuestImage.buffers, 8), .readable(0, 8), .writable(0x3000, 1)])
                }
        }
    }
}
