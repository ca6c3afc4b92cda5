import GuestMemory
import Testing
import VirtioTesting

@testable import Virtio

/// What a driver can do wrong in a queue: each is an error, and nothing else happens.
struct HostileQueueTests {
    private typealias Flag = GuestQueue.Flag
    private let buffers = QueueFixture.buffers
    private let table = QueueFixture.table

    // MARK: The available ring

    @Test(arguments: [9, 100, 0x8000, 0xFFFF] as [UInt16])
    func theAvailableIndexIsTooFarAhead(index: UInt16) throws {
        let fixture = try QueueFixture()
        try fixture.guest.setAvailable(index: index)
        #expect(fixture.popError() == .availableIndex(index, next: 0))
        #expect(!fixture.queue.enableNotifications())
    }

    @Test func theAvailableIndexGoesBack() throws {
        let fixture = try QueueFixture()
        for _ in 0..<2 { try fixture.guest.add([.writable(buffers, 1)]) }
        for _ in 0..<2 { _ = try fixture.queue.pop() }
        try fixture.guest.setAvailable(index: 1)
        #expect(fixture.popError() == .availableIndex(1, next: 2))
    }

    @Test func moreBuffersAreMadeAvailableThanTheQueueHas() throws {
        let fixture = try QueueFixture()
        for _ in 0..<8 {
            try fixture.guest.add([.writable(buffers, 1)])
            _ = try fixture.queue.pop()
        }
        try fixture.guest.add([.writable(buffers, 1)])
        #expect(fixture.popError() == .tooManyInFlight)
    }

    // MARK: Chains

    @Test(arguments: [8, 9, 0xFFFF] as [UInt16])
    func theHeadIsOutOfRange(head: UInt16) throws {
        let fixture = try QueueFixture()
        try fixture.guest.expose(head: head)
        #expect(fixture.popError() == .descriptorIndex(head))
    }

    @Test(arguments: [8, 0xFFFF] as [UInt16])
    func nextIsOutOfRange(next: UInt16) throws {
        let fixture = try QueueFixture()
        try fixture.guest.setDescriptor(0, address: buffers, length: 1, flags: Flag.next, next: next)
        try fixture.guest.expose(head: 0)
        #expect(fixture.popError() == .descriptorIndex(next))
    }

    @Test(arguments: [1, 2, 7] as [UInt16])
    func aChainLoops(length: UInt16) throws {
        let fixture = try QueueFixture()
        for index in 0..<length {
            try fixture.guest.setDescriptor(
                index, address: buffers, length: 1, flags: Flag.next, next: (index + 1) % length)
        }
        try fixture.guest.expose(head: 0)
        #expect(fixture.popError() == .chainTooLong)
    }

    @Test func aLoopOfEmptyBuffersEnds() throws {
        let fixture = try QueueFixture()
        try fixture.guest.setDescriptor(0, address: buffers, length: 0, flags: Flag.next, next: 0)
        try fixture.guest.expose(head: 0)
        #expect(fixture.popError() == .chainTooLong)
    }

    @Test func aReadableBufferFollowsAWritableOne() throws {
        let fixture = try QueueFixture()
        try fixture.guest.add([.readable(buffers, 1), .writable(buffers, 1), .readable(buffers, 1)])
        #expect(fixture.popError() == .readableAfterWritable)
    }

    @Test func aChainHasFourGibibytes() throws {
        // Each buffer is good, and all are the same.
        let fixture = try QueueFixture(memorySize: 1 << 30)
        let length: UInt32 = 1 << 29
        try fixture.guest.add((0..<8).map { _ in .writable(0, length) })
        #expect(fixture.popError() == .tooManyBytes)
    }

    @Test func aChainHasOneByteLessThanFourGibibytes() throws {
        let fixture = try QueueFixture(memorySize: 1 << 30)
        let length: UInt32 = 1 << 29
        try fixture.guest.add((0..<7).map { _ in .writable(0, length) } + [.writable(0, length - 1)])
        #expect(try fixture.queue.pop()?.writable.byteCount == Int(UInt32.max))
    }

    // MARK: Indirect tables

    private func pop(table address: UInt64, length: UInt32, flags: UInt16 = Flag.indirect) throws -> QueueError? {
        let fixture = try QueueFixture()
        try fixture.guest.setDescriptor(0, address: address, length: length, flags: flags, next: 1)
        try fixture.guest.expose(head: 0)
        return fixture.popError()
    }

    @Test func aTableComesWithoutItsFeature() throws {
        let fixture = try QueueFixture(features: [.version1, .eventIndex])
        try fixture.guest.add([.writable(buffers, 1)], indirectTable: table)
        #expect(fixture.popError() == .unexpectedIndirect)
    }

    @Test func aTableIsChainedToMore() throws {
        #expect(try pop(table: table, length: 16, flags: Flag.indirect | Flag.next) == .unexpectedIndirect)
    }

    @Test func aTableIsInsideATable() throws {
        let fixture = try QueueFixture()
        try fixture.guest.setDescriptor(0, address: table, length: 16, flags: Flag.indirect)
        try fixture.guest.setDescriptor(0, address: table, length: 16, flags: Flag.indirect, table: table)
        try fixture.guest.expose(head: 0)
        #expect(fixture.popError() == .unexpectedIndirect)
    }

    @Test(arguments: [0, 1, 15, 17, 0xFFFF_FFFF] as [UInt32])
    func aTableHasAnOddLength(length: UInt32) throws {
        #expect(try pop(table: table, length: length) == .indirectTable(address: table, length: length))
    }

    @Test(arguments: [
        QueueFixture.memorySize, QueueFixture.memorySize - 16, 0xC000_0000, UInt64.max - 15, UInt64.max,
    ])
    func aTableIsNotInMemory(address: UInt64) throws {
        #expect(try pop(table: address, length: 32) == .indirectTable(address: address, length: 32))
    }

    @Test func aTableIsLongerThanTheQueue() throws {
        #expect(try pop(table: table, length: 9 * 16) == .chainTooLong)
    }

    @Test func nextLeavesTheTable() throws {
        let fixture = try QueueFixture()
        try fixture.guest.setDescriptor(0, address: table, length: 32, flags: Flag.indirect)
        try fixture.guest.setDescriptor(0, address: buffers, length: 1, flags: Flag.next, next: 2, table: table)
        try fixture.guest.expose(head: 0)
        #expect(fixture.popError() == .descriptorIndex(2))
    }

    @Test func aTableLoops() throws {
        let fixture = try QueueFixture()
        try fixture.guest.setDescriptor(0, address: table, length: 32, flags: Flag.indirect)
        for index in 0..<2 as Range<UInt16> {
            try fixture.guest.setDescriptor(
                index, address: buffers, length: 1, flags: Flag.next, next: 1 - index, table: table)
        }
        try fixture.guest.expose(head: 0)
        #expect(fixture.popError() == .chainTooLong)
    }

    @Test func descriptorsAndATableAreTogetherTooMany() throws {
        let fixture = try QueueFixture()
        for index in 0..<7 as Range<UInt16> {
            try fixture.guest.setDescriptor(index, address: buffers, length: 1, flags: Flag.next, next: index + 1)
        }
        try fixture.guest.setDescriptor(7, address: table, length: 32, flags: Flag.indirect)
        try fixture.guest.setDescriptor(0, address: buffers, length: 1, flags: Flag.next, next: 1, table: table)
        try fixture.guest.setDescriptor(1, address: buffers, length: 1, flags: 0, table: table)
        try fixture.guest.expose(head: 0)
        #expect(fixture.popError() == .chainTooLong)
    }

    // MARK: Buffers

    @Test(
        arguments: [
            (UInt64.max, 1), (UInt64.max, 2), (UInt64.max - 15, 16), (0, 0xFFFF_FFFF), (QueueFixture.memorySize, 1),
            (QueueFixture.memorySize - 1, 2), (0xC000_0000, 4), (0xFEE0_0000, 4), (1 << 32, 4),
            (QueueFixture.memorySize, 0), (UInt64.max, 0),
        ] as [(UInt64, UInt32)])
    func aBufferIsNotInMemory(address: UInt64, length: UInt32) throws {
        let fixture = try QueueFixture()
        try fixture.guest.add([.writable(address, length)])
        #expect(fixture.popError() == .buffer(address: address, length: length))
    }

    @Test func aBufferSpansTheHole() throws {
        let hole: UInt64 = 2 << 20
        let fixture = try QueueFixture(memorySize: 4 << 20, holeStart: hole)
        try fixture.guest.add([.writable(hole - 4, 8)])
        #expect(fixture.popError() == .buffer(address: hole - 4, length: 8))

        let other = try QueueFixture(memorySize: 4 << 20, holeStart: hole)
        try other.guest.add([.writable(hole - 4, 4), .writable(GuestMemory.highStart, 4)])
        #expect(try other.queue.pop()?.writable.byteCount == 8)
    }

    @Test func anIndirectTableSpansTheHole() throws {
        let hole: UInt64 = 2 << 20
        let fixture = try QueueFixture(memorySize: 4 << 20, holeStart: hole)
        try fixture.guest.setDescriptor(0, address: hole - 16, length: 32, flags: GuestQueue.Flag.indirect)
        try fixture.guest.expose(head: 0)
        #expect(fixture.popError() == .indirectTable(address: hole - 16, length: 32))
    }

    @Test func aBufferIsTheRingItself() throws {
        let fixture = try QueueFixture()
        try fixture.guest.add([.writable(fixture.guest.descriptorArea, 512)])
        let chain = try #require(try fixture.queue.pop())
        for segment in chain.writable.segments {
            segment.iov_base.initializeMemory(as: UInt8.self, repeating: 0xFF, count: segment.iov_len)
        }
        fixture.queue.complete(head: chain.head, written: 512)
        fixture.queue.publish()
        #expect(fixture.popError() != nil)
    }

    @Test func theLengthWrittenIsClamped() throws {
        let fixture = try QueueFixture()
        try fixture.guest.add([.writable(buffers, 1)])
        _ = try fixture.queue.pop()
        fixture.queue.complete(head: 0, written: .max)
        fixture.queue.publish()
        #expect(try fixture.guest.takeUsed()?.written == .max)
    }

    // MARK: Where a queue is

    private func error(
        in fixture: QueueFixture? = nil, _ change: (inout QueueConfiguration) -> Void
    ) throws -> QueueError? {
        let fixture = try fixture ?? QueueFixture()
        var configuration = fixture.guest.configuration
        change(&configuration)
        do throws(QueueError) {
            _ = try configuration.map(in: fixture.memory)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [0, 3, 5, 7, 16, 0xFFFF] as [UInt16])
    func theSizeIsUnusable(size: UInt16) throws {
        #expect(try error { $0.size = size } == .unusableSize(size))
    }

    @Test func anAreaIsMisaligned() throws {
        #expect(try error { $0.descriptorArea = 0x1008 } == .unusableArea("descriptor table", address: 0x1008))
        #expect(try error { $0.driverArea = 0x1001 } == .unusableArea("available ring", address: 0x1001))
        #expect(try error { $0.deviceArea = 0x1002 } == .unusableArea("used ring", address: 0x1002))
    }

    @Test(arguments: [QueueFixture.memorySize - 16, QueueFixture.memorySize, 0xC000_0000, UInt64.max & ~15])
    func anAreaIsNotInMemory(address: UInt64) throws {
        #expect(try error { $0.descriptorArea = address } == .unusableArea("descriptor table", address: address))
        #expect(try error { $0.driverArea = address } == .unusableArea("available ring", address: address))
        #expect(try error { $0.deviceArea = address } == .unusableArea("used ring", address: address))
    }

    /// Memory goes on above the hole, but not right behind it.
    @Test func anAreaSpansTheHole() throws {
        let address: UInt64 = (2 << 20) - 16
        let fixture = try QueueFixture(memorySize: 4 << 20, holeStart: 2 << 20)
        #expect(
            try error(in: fixture) { $0.descriptorArea = address }
                == .unusableArea("descriptor table", address: address))
        #expect(try error(in: fixture) { $0.driverArea = address } == .unusableArea("available ring", address: address))
        #expect(try error(in: fixture) { $0.deviceArea = address } == .unusableArea("used ring", address: address))
    }

    @Test func areasOverlap() throws {
        // Nonsense, but the driver's own: whatever is read is checked.
        let fixture = try QueueFixture()
        var configuration = fixture.guest.configuration
        configuration.driverArea = configuration.descriptorArea
        configuration.deviceArea = configuration.descriptorArea
        let queue = try Virtqueue(
            configuration, features: .common, memory: fixture.memory, interrupt: .init(event: nil, cause: .usedBuffer))
        try fixture.guest.setDescriptor(0, address: 0x1_0000, length: 1, flags: 0)
        if let chain = try? queue.pop() { queue.complete(head: chain.head, written: 0) }
        queue.publish()
    }
}
