import GuestMemory
import VirtioTesting

/// A small guest memory that inputs are images of: queues of 16 entries from 0 on, 1 KiB each, and buffers after them.
enum GuestImage {
    static let size: UInt64 = 64 << 10
    static let queueSize: UInt16 = 16
    static let queueStride: UInt64 = 1 << 10
    /// A guest that a seed is made in puts its buffers here; inputs are cut off after as much as is used.
    static let buffers: UInt64 = 8 << 10

    static func makeMemory() -> GuestMemory {
        // Only an exhausted host refuses 64 KiB, and then there is nothing to fuzz with.
        try! GuestMemory(size: size, pages: .never)
    }

    static func queue(_ index: Int, in memory: GuestMemory) -> GuestQueue {
        GuestQueue(memory, size: queueSize, base: UInt64(index) * queueStride)
    }

    /// Makes the memory what the input says, and zeros after that.
    static func load(_ image: UnsafeRawBufferPointer, into memory: GuestMemory) {
        guard let bytes = try? memory.bytes(at: 0, count: Int(size)) else { return }
        let part = image.prefix(bytes.count)
        bytes.copyBytes(from: part)
        UnsafeMutableRawBufferPointer(rebasing: bytes[part.count...])
            .initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// What a driver leaves in memory, as an input.
    static func image(count: Int, _ drive: (GuestMemory) throws -> Void) -> [UInt8] {
        let memory = makeMemory()
        do {
            try drive(memory)
            return Array(try memory.bytes(at: 0, count: count))
        } catch {
            fatalError("a seed does not fit: \(error)")
        }
    }
}
