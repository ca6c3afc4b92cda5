import GuestMemory
import Linux
import Testing
import Virtio
import VirtioTesting

@testable import Devices

struct BalloonDeviceTests {
    private let ledger = BalloonLedger()
    private static let memorySize: UInt64 = 16 << 20
    /// Where tests put their requests.
    private static let request: UInt64 = 0x10_0000
    /// The first of the pages that tests give back.
    private static let page: UInt32 = 0x400

    private func device(target: UInt64 = 0, deflatesOnOOM: Bool = true, interval: UInt64 = 0) throws -> TestDevice {
        try TestDevice(
            BalloonDevice(
                ledger: ledger, memorySize: Self.memorySize, target: target, deflatesOnOOM: deflatesOnOOM,
                statisticsInterval: interval),
            memorySize: Self.memorySize)
    }

    /// Puts page numbers into a queue.
    private func send(_ pages: [UInt32], to index: UInt32, _ queue: GuestQueue, _ device: TestDevice) throws {
        for (position, page) in pages.enumerated() {
            try device.memory.store(page, at: Self.request + 4 * UInt64(position))
        }
        try queue.add([.readable(Self.request, UInt32(4 * pages.count))])
        device.notify(index)
    }

    private func fill(_ pages: Range<UInt32>, _ device: TestDevice) throws {
        for page in pages { try device.memory.store(UInt64.max, at: UInt64(page) << 12) }
    }

    /// Which of the pages still hold what `fill` wrote.
    private func kept(_ pages: Range<UInt32>, _ device: TestDevice) throws -> [UInt32] {
        try pages.filter { try device.memory.load(at: UInt64($0) << 12, as: UInt64.self) == .max }
    }

    // MARK: Inflating and deflating

    @Test func inflatingGivesThePagesBackInWhateverOrder() throws {
        let device = try device()
        let queues = device.start(queues: 4)
        let pages = Self.page..<Self.page + 16
        try fill(pages, device)
        try send([3, 2, 1, 9, 7, 8, 15, 3].map { Self.page + $0 }, to: 0, queues[0], device)
        #expect(try device.nextUsed(of: queues[0]) == .init(head: 0, written: 0))
        #expect(try kept(pages, device) == [0, 4, 5, 6, 10, 11, 12, 13, 14].map { Self.page + $0 })
        #expect(ledger.reading.discarded == 7 * 4096)

        try send([Self.page + 1], to: 1, queues[1], device)
        #expect(try device.nextUsed(of: queues[1]) == .init(head: 0, written: 0))
    }

    @Test func aRequestOfManyPagesIsCut() throws {
        let device = try device()
        let queues = device.start(queues: 4)
        let last = Self.page + UInt32(BalloonDevice.largestRequest)
        try fill(Self.page..<last + 2, device)
        try send(Array(Self.page..<last + 2), to: 0, queues[0], device)
        #expect(try device.nextUsed(of: queues[0]) != nil)
        #expect(try kept(Self.page..<last + 2, device) == [last, last + 1])
    }

    @Test(arguments: [0x1000, 0xFFFF_FFFF, 0xC_0000] as [UInt32])
    func aPageOutsideOfMemoryNeedsAReset(page: UInt32) throws {
        let device = try device()
        let queues = device.start(queues: 4)
        try send([page], to: 0, queues[0], device)
        #expect(device.wait { device.status.contains(.needsReset) })
        #expect(device.reports == ["the page numbers \(page) to \(page), not all of which are memory"])
    }

    @Test func aRunThatLeavesMemoryGivesNothingBack() throws {
        let device = try device()
        let queues = device.start(queues: 4)
        try fill(0xFFF..<0x1000, device)
        try send([0xFFF, 0x1000], to: 0, queues[0], device)
        #expect(device.wait { device.status.contains(.needsReset) })
        #expect(try kept(0xFFF..<0x1000, device) == [0xFFF])
    }

    // MARK: The target

    @Test func theTargetIsInTheConfigurationAndTheActualSizeComesBack() throws {
        let device = try device(target: 1 << 20)
        _ = device.start(queues: 4)
        #expect(device.configuration(at: 0, as: UInt32.self) == 256)
        device.setConfiguration(at: 4, UInt32(17))
        #expect(device.wait { ledger.reading.actual == 17 << 12 })
        #expect(device.configuration(at: 4, as: UInt32.self) == 17)
        device.setConfiguration(at: 0, UInt32(5))
        device.setConfiguration(at: 4, UInt8(5))
        device.settle()
        #expect(device.configuration(at: 0, as: UInt32.self) == 256)
        #expect(ledger.reading.actual == 17 << 12)
        device.status = []
        #expect(ledger.reading.actual == 0)
    }

    @Test func aNewTargetInterruptsTheDriver() throws {
        let loop = try EventLoop(name: "balloon")
        let balloon = LoopConfined(BalloonDevice(ledger: ledger, memorySize: Self.memorySize), loop: loop)
        let device = try TestDevice(balloon, memorySize: Self.memorySize)
        _ = device.start(queues: 4)
        let generation = device.read(0xFC)
        balloon.perform { $0.setTarget(1 << 40) }
        device.settle()
        #expect(device.configuration(at: 0, as: UInt32.self) == 4096)
        #expect(device.read(0xFC) != generation)
        #expect(device.read(0x60) == 2)
        #expect(ledger.reading.target == Self.memorySize)
    }

    @Test(arguments: [false, true])
    func deflatingOnOOMIsOffered(offered: Bool) throws {
        #expect(try device(deflatesOnOOM: offered).offeredFeatures.contains(.bit(2)) == offered)
    }

    // MARK: Statistics

    private func sendStatistics(_ entries: [(UInt16, UInt64)], _ queue: GuestQueue, _ device: TestDevice) throws {
        for (index, entry) in entries.enumerated() {
            try device.memory.store(entry.0, at: Self.request + 10 * UInt64(index))
            try device.memory.store(entry.1, at: Self.request + 10 * UInt64(index) + 2)
        }
        // Half an entry more.
        try queue.add([.readable(Self.request, UInt32(10 * entries.count + 5))])
        device.notify(2)
    }

    @Test func aSecondBufferForStatisticsWaitsItsTurn() throws {
        let device = try device(interval: 1_000_000)
        let queue = device.start(queues: 4)[2]
        for _ in 0..<2 { try queue.add([.readable(Self.request, 10)]) }
        device.notify(2)
        for _ in 0..<2 { #expect(try device.nextUsed(of: queue) != nil) }
    }

    @Test func statisticsAreKeptAndAskedForAgain() throws {
        let device = try device(interval: 20_000_000)
        let queue = device.start(queues: 4)[2]
        try sendStatistics([(4, 1000), (5, 2000), (6, 1500), (99, 7), (2, 3)], queue, device)
        #expect(device.wait { ledger.reading.statistics != nil })
        let first = try #require(ledger.reading.statistics)
        #expect(first.freeMemory == 1000 && first.totalMemory == 2000 && first.availableMemory == 1500)
        #expect(first.majorFaults == 3 && first.minorFaults == nil)

        #expect(try device.nextUsed(of: queue) == .init(head: 0, written: 0))
        try sendStatistics([(4, 500)], queue, device)
        #expect(device.wait { ledger.reading.statistics?.freeMemory == 500 })
        #expect(try device.nextUsed(of: queue) != nil)
    }

    @Test func onlyOneStatisticsBufferIsTaken() throws {
        let device = try device()
        let queue = device.start(queues: 4)[2]
        for value in 1...3 as ClosedRange<UInt64> { try sendStatistics([(4, value)], queue, device) }
        device.settle()
        #expect(try queue.takeUsed() == nil)
    }

    @Test func aHugeStatisticsBufferIsCut() throws {
        let device = try device()
        let queue = device.start(queues: 4)[2]
        try device.memory.store(UInt16(4), at: Self.request + 10 * UInt64(BalloonDevice.mostStatistics))
        try device.memory.store(UInt16(5), at: Self.request + 10)
        try queue.add([.readable(Self.request, 8 << 20)])
        device.notify(2)
        #expect(device.wait { ledger.reading.statistics != nil })
        #expect(ledger.reading.statistics?.freeMemory == nil)
        #expect(ledger.reading.statistics?.totalMemory == 0)
    }

    // MARK: Free page reporting

    /// The specification's queue number, and Linux's with and without statistics.
    @Test(arguments: [(4, true), (3, true), (2, false)] as [(UInt32, Bool)])
    func reportedPagesAreGivenBack(index: UInt32, hasStatistics: Bool) throws {
        let device = try device()
        var features = device.offeredFeatures
        if !hasStatistics { features.remove(.bit(1)) }
        device.negotiate(features)
        var queues: [GuestQueue] = []
        for number in [0, 1, 2, index] where !queues.contains(where: { $0.descriptorArea == Self.base(number) }) {
            queues.append(GuestQueue(device.memory, size: 16, base: Self.base(number)))
            if let queue = queues.last { device.setUp(queue, index: number) }
        }
        device.becomeReady()
        let pages = Self.page..<Self.page + 8
        try fill(pages, device)
        let queue = try #require(queues.last)
        try queue.add([
            .writable(UInt64(Self.page) << 12, 2 << 12), .writable(UInt64(Self.page + 4) << 12 + 1, 3 << 12),
        ])
        device.notify(index)
        #expect(try device.nextUsed(of: queue) == .init(head: 0, written: 0))
        #expect(try kept(pages, device) == [2, 3, 4, 7].map { Self.page + $0 })
    }

    private static func base(_ queue: UInt32) -> UInt64 { 0x1000 * UInt64(queue + 1) }

    @Test func readOnlyReportsAndNumbersInWritableBuffersDoNothing() throws {
        let device = try device()
        let queues = device.start(queues: 4)
        try fill(Self.page..<Self.page + 1, device)
        try device.memory.store(Self.page, at: Self.request)
        try queues[0].add([.writable(Self.request, 4)])
        try queues[3].add([.readable(UInt64(Self.page) << 12, 4096)])
        device.notify(0)
        device.notify(3)
        #expect(try device.nextUsed(of: queues[0]) != nil)
        #expect(try device.nextUsed(of: queues[3]) != nil)
        #expect(try kept(Self.page..<Self.page + 1, device) == [Self.page])
    }
}
