import Foundation
import Linux
import Storage
import Synchronization
import Testing
import Virtio
import VirtioTesting

@testable import Devices

/// What changes about a disk while a driver uses it.
@Suite struct BlockChangeTests {
    private typealias RequestType = BlockDriver.RequestType
    private typealias Feature = BlockDriver.Feature

    /// Runs `body` on the device's thread.
    private func perform(_ driver: BlockDriver, _ body: @escaping @Sendable (BlockDevice) -> Void) {
        driver.confined.perform(body)
        driver.device.settle()
    }

    // MARK: Size

    @Test func aNewSizeIsToldAndHolds() throws {
        let driver = try BlockDriver(randomBytes(4096))
        #expect(try driver.read(sector: 8, count: 512) == nil)
        let generation = driver.device.read(0xFC)
        truncate(driver.path, 8192 + 100)
        perform(driver) { try? $0.resize() }
        #expect(driver.device.configuration(at: 0, as: UInt64.self) == 16)
        #expect(driver.device.read(0xFC) != generation)
        #expect(driver.device.read(0x60) & 2 != 0)
        #expect(try driver.read(sector: 8, count: 4096) == [UInt8](repeating: 0, count: 4096))
        truncate(driver.path, 512)
        perform(driver) { try? $0.resize() }
        #expect(driver.device.configuration(at: 0, as: UInt64.self) == 1)
        #expect(try driver.read(sector: 1, count: 512) == nil)
    }

    @Test(arguments: StorageEngine.Mode.allCases)
    func failuresOfTheImageAreReportedOnce(_ mode: StorageEngine.Mode) throws {
        let driver = try BlockDriver(randomBytes(4096)) { $0.engineMode = mode }
        truncate(driver.path, 512)
        for _ in 0..<3 { #expect(try driver.read(sector: 1, count: 512) == nil) }
        #expect(try driver.read(sector: 0, count: 512) == driver.contents)
        driver.device.settle()
        #expect(
            driver.device.reports == ["the guest was given an I/O error: \(driver.path): Input/output error"])
    }

    // MARK: Another image

    @Test(arguments: StorageEngine.Mode.allCases)
    func anotherImageTakesThePlaceUnderLoad(_ mode: StorageEngine.Mode) throws {
        let driver = try BlockDriver([UInt8](repeating: 1, count: 1 << 20)) { $0.engineMode = mode }
        let path = driver.path + ".new"
        try Data(repeating: 2, count: 2 << 20).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        for slot in 0..<5 as Range<UInt64> {
            try driver.add(
                RequestType.read, [.writable(BlockDriver.data + slot << 20, 1 << 20)], slot: slot)
        }
        driver.device.notify(0)
        let failure = Mutex<RawImageError??>(nil)
        perform(driver) { disk in
            do {
                disk.replaceImage(with: try RawImage(path: path)) { error in failure.withLock { $0 = .some(error) } }
            } catch {
                Issue.record(error)
            }
        }
        for _ in 0..<5 { #expect(try driver.device.nextUsed(of: driver.queues[0])?.written == (1 << 20) + 1) }
        #expect(driver.device.wait { failure.withLock { $0 != nil } })
        #expect(failure.withLock { $0 } == .some(nil))
        #expect(driver.device.configuration(at: 0, as: UInt64.self) == 4096)
        #expect(try driver.read(sector: 4000, count: 512) == [UInt8](repeating: 2, count: 512))
    }

    @Test func anImageOfAnotherKindIsRefused() throws {
        let driver = try BlockDriver(randomBytes(4096))
        let path = driver.path + ".new"
        try Data(count: 512).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        let failure = Mutex<RawImageError?>(nil)
        perform(driver) { disk in
            do {
                disk.replaceImage(with: try RawImage(path: path, readOnly: true)) { error in
                    failure.withLock { $0 = error }
                }
            } catch {
                Issue.record(error)
            }
        }
        #expect(failure.withLock { $0 } == RawImageError(path: path, problem: .differentAccess))
        #expect(try driver.read(sector: 0, count: 4096) == driver.contents)
    }

    // MARK: Cache

    private func isWritethrough(_ driver: BlockDriver) -> Bool {
        let answer = Mutex(false)
        perform(driver) { disk in answer.withLock { $0 = disk.isWritethrough } }
        return answer.withLock { $0 }
    }

    /// virtio 1.3 §5.2.6.2.
    @Test func driversThatCannotFlushHaveWritethrough() throws {
        let driver = try BlockDriver(randomBytes(4096))
        #expect(!isWritethrough(driver))
        driver.restart(features: .version1)
        #expect(isWritethrough(driver))
        driver.restart(features: [.version1, Feature.flush])
        #expect(!isWritethrough(driver))
    }

    /// virtio 1.3 §5.2.5.2; Linux reads it before the device is ready.
    @Test func driversThatCannotFlushReadThatNothingIsWrittenBack() throws {
        let driver = try BlockDriver(randomBytes(4096))
        for (features, value) in [(Features.version1, 0), ([.version1, Feature.flush], 1)] as [(Features, UInt8)] {
            driver.device.negotiate(features.union(Feature.writebackConfiguration))
            #expect(driver.device.configuration(at: 32, as: UInt8.self) == value)
        }
    }

    @Test func writethroughLastsUntilAReset() throws {
        let driver = try BlockDriver(randomBytes(4096))
        driver.device.setConfiguration(at: 32, 0 as UInt8)
        #expect(driver.device.configuration(at: 32, as: UInt8.self) == 0)
        #expect(isWritethrough(driver))
        let bytes = randomBytes(512)
        #expect(try driver.write(bytes, sector: 3).status == .ok)
        #expect(driver.contents[1536..<2048] == bytes[...])
        driver.restart()
        #expect(driver.device.configuration(at: 32, as: UInt8.self) == 1)
        #expect(!isWritethrough(driver))
    }

    // MARK: Pauses

    /// Nothing is completed while the disk is held, and all that waits afterwards.
    @Test(arguments: StorageEngine.Mode.allCases)
    func aHeldDiskServesNothing(_ mode: StorageEngine.Mode) throws {
        let driver = try BlockDriver(randomBytes(64 << 10)) { $0.engineMode = mode }
        let queue = driver.queues[0]
        func addRequests(_ slots: Range<UInt64>) throws {
            for slot in slots {
                try driver.add(RequestType.read, [.writable(BlockDriver.data + slot * 4096, 4096)], slot: slot)
            }
            driver.device.notify(0)
        }
        try addRequests(0..<2)
        driver.device.controller.hold()
        var done = 0
        while try queue.takeUsed() != nil { done += 1 }
        try addRequests(2..<4)
        usleep(20_000)
        #expect(try queue.takeUsed() == nil)

        driver.device.loop.perform { [loop = driver.device.loop] in loop.release() }
        for _ in done..<4 { #expect(try driver.device.nextUsed(of: queue)?.written == 4097) }
    }

    @Test func aHeldDiskCanBeChanged() throws {
        let driver = try BlockDriver(randomBytes(4096))
        driver.device.controller.hold()
        truncate(driver.path, 8192)
        driver.confined.perform { try? $0.resize() }
        #expect(driver.device.wait { driver.device.configuration(at: 0, as: UInt64.self) == 16 })
        driver.device.loop.perform { [loop = driver.device.loop] in loop.release() }
    }

    // MARK: Statistics

    @Test func whatIsMovedIsCounted() throws {
        let driver = try BlockDriver(randomBytes(8192))
        let statistics = driver.confined.value.statistics
        #expect(try driver.read(sector: 0, count: 4096) != nil)
        #expect(try driver.read(sector: 16, count: 512) == nil)
        #expect(try driver.write(randomBytes(1024), sector: 2).status == .ok)
        #expect(try driver.perform(RequestType.flush).status == .ok)
        #expect(try driver.perform(77).status == .unsupported)
        driver.device.settle()
        #expect(statistics.toGuest.counts == .init(requests: 1, bytes: 4096, errors: 1))
        #expect(statistics.fromGuest.counts == .init(requests: 2, bytes: 1024, errors: 1))
    }

    // MARK: Limits

    @Test(arguments: StorageEngine.Mode.allCases)
    func operationsKeepToTheirLimit(_ mode: StorageEngine.Mode) throws {
        let driver = try BlockDriver(randomBytes(4096)) {
            $0.engineMode = mode
            $0.operationsPerSecond = 100
        }
        // Ten may be used at once, and one on credit.
        let begin = monotonicNanoseconds()
        for _ in 0..<4 {
            for slot in 0..<5 as Range<UInt64> {
                try driver.add(RequestType.read, [.writable(BlockDriver.data, 512)], slot: slot)
            }
            driver.device.notify(0)
            for _ in 0..<5 { #expect(try driver.device.nextUsed(of: driver.queues[0])?.written == 513) }
        }
        let time = monotonicNanoseconds() - begin
        #expect(time >= 85_000_000)
        #expect(time < 3_000_000_000)
    }

    @Test func aRequestAboveTheLimitIsServedOnCredit() throws {
        let driver = try BlockDriver(randomBytes(1 << 20)) { $0.bytesPerSecond = 1 << 20 }
        let begin = monotonicNanoseconds()
        #expect(try driver.read(sector: 0, count: 300 << 10)?.count == 300 << 10)
        #expect(try driver.read(sector: 0, count: 512)?.count == 512)
        // Of 300 KiB a tenth of a MiB was there.
        #expect(monotonicNanoseconds() - begin >= 190_000_000)
    }

    /// Nothing waits by looking at the clock.
    @Test func waitingForALimitTakesNoProcessorTime() throws {
        let driver = try BlockDriver(randomBytes(4096)) { $0.operationsPerSecond = 20 }
        for slot in 0..<5 as Range<UInt64> {
            try driver.add(RequestType.read, [.writable(BlockDriver.data, 512)], slot: slot)
        }
        let used = Mutex<UInt64>(0)
        perform(driver) { _ in used.withLock { $0 = threadTime() } }
        driver.device.notify(0)
        for _ in 0..<5 { #expect(try driver.device.nextUsed(of: driver.queues[0])?.written == 513) }
        perform(driver) { _ in used.withLock { $0 = threadTime() - $0 } }
        #expect(used.withLock { $0 } < 50_000_000)
    }

    /// What waits for its time goes on when the limit is gone.
    @Test(arguments: [nil, 1 << 30] as [UInt64?])
    func aLimitCanBeLifted(bytesPerSecond: UInt64?) throws {
        let driver = try BlockDriver(randomBytes(1 << 20)) { $0.bytesPerSecond = 4096 }
        // On credit, which takes a minute to pay back.
        #expect(try driver.read(sector: 0, count: 256 << 10)?.count == 256 << 10)
        let begin = monotonicNanoseconds()
        try driver.add(RequestType.read, [.writable(BlockDriver.data, 512)])
        driver.device.notify(0)
        driver.device.settle()
        #expect(try driver.status() == .unwritten)
        perform(driver) { $0.setLimits(bytesPerSecond: bytesPerSecond, operationsPerSecond: nil) }
        #expect(try driver.device.nextUsed(of: driver.queues[0])?.written == 513)
        #expect(try driver.read(sector: 0, count: 256 << 10)?.count == 256 << 10)
        #expect(try driver.read(sector: 0, count: 512)?.count == 512)
        #expect(monotonicNanoseconds() - begin < 20_000_000_000)
    }

    @Test func aLimitCanBeSet() throws {
        let driver = try BlockDriver(randomBytes(1 << 20))
        perform(driver) { $0.setLimits(bytesPerSecond: 1 << 20, operationsPerSecond: 1000) }
        let begin = monotonicNanoseconds()
        #expect(try driver.read(sector: 0, count: 300 << 10)?.count == 300 << 10)
        #expect(try driver.read(sector: 0, count: 512)?.count == 512)
        #expect(monotonicNanoseconds() - begin >= 190_000_000)
    }

    @Test func aResetForgetsWaitingRequests() throws {
        let driver = try BlockDriver(randomBytes(4096)) { $0.operationsPerSecond = 10 }
        for slot in 0..<5 as Range<UInt64> {
            try driver.add(RequestType.read, [.writable(BlockDriver.data, 512)], slot: slot)
        }
        driver.device.notify(0)
        driver.device.settle()
        driver.restart()
        #expect(try driver.read(sector: 0, count: 512)?.count == 512)
    }
}

/// Nanoseconds of processor time of the calling thread.
private func threadTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
