import GuestMemory
import Linux
import Synchronization
import VirtioTesting

@testable import Virtio

/// A queue with both of its sides, and an interrupt that can be counted.
final class QueueFixture {
    /// Where tests put buffers and indirect tables.
    static let buffers: UInt64 = 0x10_0000
    static let table: UInt64 = 0x8000
    static let memorySize: UInt64 = 16 << 20

    let memory: GuestMemory
    let guest: GuestQueue
    let queue: Virtqueue
    private let interrupt: SharedEventCounter

    /// - Parameters:
    ///   - holeStart, memorySize: such that memory has a hole, where a test needs one.
    init(
        size: UInt16 = 8, features: Features = .common, memorySize: UInt64 = memorySize, holeStart: UInt64 = 3 << 30
    ) throws {
        memory = try GuestMemory(size: memorySize, holeStart: holeStart, pages: .never)
        guest = GuestQueue(memory, size: size)
        interrupt = try SharedEventCounter()
        queue = try Virtqueue(
            guest.configuration, features: features, memory: memory,
            interrupt: Interrupt(event: interrupt, cause: .usedBuffer))
    }

    /// Whether an interrupt came since the last time.
    func takeInterrupt() -> Bool { interrupt.counter.drain() }

    /// What popping throws; nil when it does not.
    func popError() -> QueueError? {
        do throws(QueueError) {
            _ = try queue.pop()
            return nil
        } catch {
            return error
        }
    }
}
