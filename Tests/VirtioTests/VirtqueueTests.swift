import CLinux
import GuestMemory
import Testing
import VirtioTesting

@testable import Virtio

/// What a well-behaved driver gets.
struct VirtqueueTests {
    private let buffers = QueueFixture.buffers

    private func lengths(_ list: SegmentList) -> [Int] { list.segments.map(\.iov_len) }

    @Test func anEmptyQueueHasNoChain() throws {
        let fixture = try QueueFixture()
        #expect(try fixture.queue.pop() == nil)
        #expect(fixture.queue.enableNotifications())
    }

    @Test func aChainComesInOrderAndSplitByDirection() throws {
        let fixture = try QueueFixture()
        try fixture.memory.write(Array("header".utf8), at: buffers)
        let head = try fixture.guest.add([
            .readable(buffers, 6), .readable(buffers + 0x100, 10), .writable(buffers + 0x200, 512),
        ])
        let chain = try #require(try fixture.queue.pop())
        #expect(chain.head == head)
        #expect(lengths(chain.readable) == [6, 10])
        #expect(chain.readable.byteCount == 16)
        #expect(lengths(chain.writable) == [512])
        #expect(chain.readable.segments.first.map { String(decoding: bytes($0), as: UTF8.self) } == "header")
        #expect(try fixture.queue.pop() == nil)
    }

    private func bytes(_ segment: iovec) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: segment.iov_base, count: segment.iov_len)
    }

    @Test func anIndirectTableIsAChainToo() throws {
        let fixture = try QueueFixture()
        try fixture.guest.add(
            [.readable(buffers, 16), .writable(buffers + 0x1000, 4096), .writable(buffers, 1)],
            indirectTable: QueueFixture.table)
        let chain = try #require(try fixture.queue.pop())
        #expect(lengths(chain.readable) == [16])
        #expect(lengths(chain.writable) == [4096, 1])
    }

    /// virtio 1.3 §2.7.5.3.2: zero or more normal descriptors can come before the one that refers to a table.
    @Test func anIndirectTableCanEndAChain() throws {
        let fixture = try QueueFixture()
        let guest = fixture.guest
        try guest.setDescriptor(0, address: buffers, length: 16, flags: GuestQueue.Flag.next, next: 5)
        // The write flag of a descriptor that refers to a table means nothing.
        try guest.setDescriptor(
            5, address: QueueFixture.table, length: 16, flags: GuestQueue.Flag.indirect | GuestQueue.Flag.write)
        try guest.setDescriptor(0, address: buffers, length: 4, flags: 0, table: QueueFixture.table)
        try guest.expose(head: 0)
        let chain = try #require(try fixture.queue.pop())
        #expect(lengths(chain.readable) == [16, 4])
        #expect(chain.writable.count == 0)
    }

    @Test func aChainCanBeAsLongAsTheQueue() throws {
        let fixture = try QueueFixture()
        try fixture.guest.add((0..<8).map { .writable(buffers + $0 * 64, 64) })
        #expect(try fixture.queue.pop()?.writable.count == 8)
        try fixture.guest.add((0..<8).map { .writable(buffers + $0 * 64, 64) }, indirectTable: QueueFixture.table)
        fixture.queue.complete(head: 0, written: 0)
        #expect(try fixture.queue.pop()?.writable.count == 8)
    }

    @Test func emptyBuffersAreLeftOut() throws {
        let fixture = try QueueFixture()
        try fixture.guest.add([.readable(buffers, 0), .readable(0, 1), .writable(buffers, 0)])
        let chain = try #require(try fixture.queue.pop())
        #expect(lengths(chain.readable) == [1])
        #expect(chain.writable.count == 0)
    }

    @Test func usedChainsAreGivenBack() throws {
        let fixture = try QueueFixture()
        for round in 0..<100 as Range<UInt32> {
            let head = try fixture.guest.add([.writable(buffers, 64)])
            let chain = try #require(try fixture.queue.pop())
            fixture.queue.complete(head: chain.head, written: Int(round))
            #expect(try fixture.guest.takeUsed() == nil)
            fixture.queue.publish()
            #expect(try fixture.guest.takeUsed() == .init(head: UInt32(head), written: round))
        }
    }

    @Test func indicesWrapAround() throws {
        let fixture = try QueueFixture(size: 2)
        for _ in 0..<70_000 {
            try fixture.guest.add([.writable(buffers, 64)])
            let chain = try #require(try fixture.queue.pop())
            fixture.queue.complete(head: chain.head, written: 1)
            fixture.queue.publish()
            #expect(try fixture.guest.takeUsed()?.written == 1)
        }
    }

    @Test func aChainCanBePutBack() throws {
        let fixture = try QueueFixture()
        try fixture.guest.add([.writable(buffers, 64)])
        _ = try fixture.queue.pop()
        fixture.queue.undoPop()
        #expect(fixture.queue.inFlight == 0)
        #expect(try fixture.queue.pop() != nil)
    }

    // MARK: Interrupts and notifications

    @Test func theDriverCanDoWithoutInterrupts() throws {
        let fixture = try QueueFixture(features: .version1)
        func use() throws {
            try fixture.guest.add([.writable(buffers, 64)])
            let chain = try #require(try fixture.queue.pop())
            fixture.queue.complete(head: chain.head, written: 0)
            fixture.queue.publish()
        }
        try use()
        #expect(fixture.takeInterrupt())
        try fixture.guest.setAvailable(flags: 1)
        try use()
        #expect(!fixture.takeInterrupt())
    }

    @Test func publishingNothingDoesNotInterrupt() throws {
        let fixture = try QueueFixture(features: .version1)
        fixture.queue.publish()
        #expect(!fixture.takeInterrupt())
    }

    @Test func theDriverIsInterruptedAtItsEventIndex() throws {
        let fixture = try QueueFixture()
        try fixture.guest.setUsedEvent(2)
        for expected in [false, false, true, false] {
            try fixture.guest.add([.writable(buffers, 64)])
            let chain = try #require(try fixture.queue.pop())
            fixture.queue.complete(head: chain.head, written: 0)
            fixture.queue.publish()
            #expect(fixture.takeInterrupt() == expected)
        }
    }

    @Test func theEventIndexWithinABatchCounts() throws {
        let fixture = try QueueFixture()
        try fixture.guest.setUsedEvent(1)
        for _ in 0..<4 {
            try fixture.guest.add([.writable(buffers, 64)])
            let chain = try #require(try fixture.queue.pop())
            fixture.queue.complete(head: chain.head, written: 0)
        }
        fixture.queue.publish()
        #expect(fixture.takeInterrupt())
    }

    @Test func theDeviceAsksForItsNextNotification() throws {
        let fixture = try QueueFixture()
        try fixture.guest.add([.writable(buffers, 64)])
        #expect(!fixture.queue.enableNotifications())
        _ = try fixture.queue.pop()
        #expect(fixture.queue.enableNotifications())
        #expect(try fixture.guest.availableEvent == 1)
    }

    @Test func withoutTheEventIndexAFlagTurnsNotificationsOff() throws {
        let fixture = try QueueFixture(features: .version1)
        fixture.queue.disableNotifications()
        #expect(try fixture.guest.usedFlags == 1)
        #expect(fixture.queue.enableNotifications())
        #expect(try fixture.guest.usedFlags == 0)
    }

    // MARK: Draining

    @Test func oneDrainIsBounded() throws {
        let fixture = try QueueFixture(size: 4)
        try fixture.guest.add([.writable(buffers, 64)])
        var served = 0
        let isCut = try fixture.queue.drain { chain throws(QueueError) in
            served += 1
            fixture.queue.complete(head: chain.head, written: 0)
            // The driver adds another while we drain.
            _ = try? fixture.guest.add([.writable(buffers, 64)])
            return true
        }
        #expect(isCut)
        #expect(served == 4)
        #expect(try fixture.guest.usedIndex == 4)
    }

    @Test func aDrainCanStopAtAChain() throws {
        let fixture = try QueueFixture()
        for _ in 0..<3 { try fixture.guest.add([.writable(buffers, 64)]) }
        var served = 0
        let isCut = try fixture.queue.drain { chain throws(QueueError) in
            if served == 2 { return false }
            served += 1
            fixture.queue.complete(head: chain.head, written: 0)
            return true
        }
        #expect(!isCut)
        #expect(try fixture.guest.usedIndex == 2)
        #expect(fixture.queue.inFlight == 0)
        #expect(try fixture.queue.pop()?.head == 2)
    }
}
