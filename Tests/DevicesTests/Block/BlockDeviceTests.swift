import Devices
import Foundation
import Storage
import Testing
import Virtio
import VirtioTesting

@Suite struct BlockDeviceTests {
    private typealias RequestType = BlockDriver.RequestType
    private typealias Feature = BlockDriver.Feature
    private typealias Answer = BlockDriver.Answer

    private func driver(
        _ contents: [UInt8], _ mode: StorageEngine.Mode = .ring, readOnly: Bool = false, features: Features? = nil
    ) throws -> BlockDriver {
        try BlockDriver(contents, readOnly: readOnly, features: features) { $0.engineMode = mode }
    }

    // MARK: What drivers see

    @Test func configurationTellsOfTheImage() throws {
        let driver = try BlockDriver(randomBytes(1 << 20)) {
            $0.queueCount = 3
            $0.queueSize = 32
        }
        let device = driver.device
        #expect(device.read(0x8) == 2)
        #expect(device.configuration(at: 0, as: UInt64.self) == 2048)
        #expect(device.configuration(at: 12, as: UInt32.self) == 30)
        #expect(device.configuration(at: 20, as: UInt32.self) == 512)
        #expect(device.configuration(at: 32, as: UInt8.self) == 1)
        #expect(device.configuration(at: 34, as: UInt16.self) == 3)
        #expect(device.configuration(at: 40, as: UInt32.self) == 32)
        #expect(device.configuration(at: 52, as: UInt32.self) == 1)
        #expect(device.offeredFeatures.isSuperset(of: [Feature.multipleQueues, Feature.flush, Feature.discard]))
        #expect(device.offeredFeatures.isDisjoint(with: Feature.readOnly))
    }

    @Test func readOnlyDisksOfferNoChanges() throws {
        let driver = try driver([UInt8](repeating: 0, count: 512), readOnly: true)
        #expect(driver.device.offeredFeatures.contains(Feature.readOnly))
        #expect(driver.device.offeredFeatures.isDisjoint(with: [Feature.discard, Feature.writeZeroes]))
    }

    @Test func identityIsTheSerialNumber() throws {
        let driver = try driver([])
        let answer = try driver.perform(RequestType.identify, [.writable(BlockDriver.data, 20)])
        #expect(answer == Answer(status: .ok, written: 21))
        let bytes = Array(try driver.device.memory.bytes(at: BlockDriver.data, count: 20))
        #expect(bytes == Array("serial number".utf8) + [UInt8](repeating: 0, count: 7))
        #expect(try driver.perform(RequestType.identify, [.writable(BlockDriver.data, 19)]).status == .ioError)
    }

    // MARK: Transfers

    @Test(arguments: StorageEngine.Mode.allCases)
    func whatIsWrittenIsReadBack(_ mode: StorageEngine.Mode) throws {
        let driver = try driver([UInt8](repeating: 0, count: 1 << 20), mode)
        let bytes = randomBytes(64 << 10)
        #expect(try driver.write(bytes, sector: 100) == Answer(status: .ok, written: 1))
        #expect(try driver.read(sector: 100, count: bytes.count) == bytes)
        #expect(driver.contents[51200..<(51200 + bytes.count)] == bytes[...])
        #expect(try driver.perform(RequestType.flush) == Answer(status: .ok, written: 1))
    }

    /// Header and status in buffers with other things, data in many buffers, through an indirect table.
    @Test(arguments: StorageEngine.Mode.allCases)
    func anyFramingWillDo(_ mode: StorageEngine.Mode) throws {
        let bytes = randomBytes(4096)
        let driver = try driver(bytes, mode)
        let memory = driver.device.memory
        try memory.store(RequestType.read, at: 0x30_0000)
        try memory.store(2 as UInt64, at: 0x30_0008)
        try driver.queues[0].add(
            [
                .readable(0x30_0000, 3), .readable(0x30_0003, 13), .writable(0x40_0000, 1), .writable(0x40_0001, 1000),
                .writable(0x40_03E9, 24),
            ], indirectTable: 0x50_0000)
        driver.device.notify(0)
        #expect(try driver.device.nextUsed(of: driver.queues[0])?.written == 1025)
        #expect(Array(try memory.bytes(at: 0x40_0000, count: 1024)) == Array(bytes[1024..<2048]))
        #expect(try memory.load(at: 0x40_0400, as: UInt8.self) == 0)
    }

    @Test(arguments: StorageEngine.Mode.allCases)
    func requestsOfAllQueuesAreServedAtOnce(_ mode: StorageEngine.Mode) throws {
        let bytes = randomBytes(1 << 20)
        let driver = try BlockDriver(bytes) {
            $0.engineMode = mode
            $0.queueCount = 4
            $0.queueSize = 64
        }
        for request in 0..<64 as Range<UInt64> {
            try driver.add(
                RequestType.read, sector: 8 * request, [.writable(BlockDriver.data + 4096 * request, 4096)],
                slot: request, queue: Int(request % 4))
        }
        for queue in 0..<4 as Range<UInt32> { driver.device.notify(queue) }
        for request in 0..<64 {
            #expect(try driver.device.nextUsed(of: driver.queues[request % 4])?.written == 4097)
        }
        #expect(
            Array(try driver.device.memory.bytes(at: BlockDriver.data, count: 64 * 4096))
                == Array(bytes[..<(64 * 4096)]))
        for request in 0..<64 as Range<UInt64> { #expect(try driver.status(slot: request) == .ok) }
    }

    // MARK: Limits (virtio 1.3 §5.2.6.1)

    @Test(
        arguments: [
            (0, 1024), (1, 512), (2, 512), (.max, 512), (1 << 55, 512), ((1 << 55) - 1, 1024), (0, 511), (0, 513),
        ] as [(UInt64, UInt32)])
    func transfersBeyondTheDiskChangeNothing(sector: UInt64, count: UInt32) throws {
        let bytes = randomBytes(512)
        let driver = try driver(bytes)
        let memory = driver.device.memory
        let read = try driver.perform(RequestType.read, sector: sector, [.writable(BlockDriver.data, count)])
        #expect(read == Answer(status: .ioError, written: 0))
        #expect(try memory.load(at: BlockDriver.data, as: UInt64.self) == 0)
        #expect(
            try driver.perform(RequestType.write, sector: sector, [.readable(BlockDriver.data, count)])
                == Answer(status: .ioError, written: 1))
        #expect(driver.contents == bytes)
    }

    /// Each buffer fits, but not all together.
    @Test func lengthsAreAddedUp() throws {
        let bytes = randomBytes(1024)
        let driver = try driver(bytes)
        let buffers = (0..<3).map { GuestQueue.Buffer.readable(BlockDriver.data + 512 * $0, 512) }
        #expect(try driver.perform(RequestType.write, buffers).status == .ioError)
        #expect(try driver.perform(RequestType.write, sector: 1, Array(buffers[..<2])).status == .ioError)
        #expect(driver.contents == bytes)
        #expect(try driver.perform(RequestType.write, Array(buffers[..<2])).status == .ok)
    }

    @Test func readOnlyDisksStayAsTheyAre() throws {
        let bytes = randomBytes(4096)
        let driver = try driver(bytes, readOnly: true)
        #expect(try driver.write([UInt8](repeating: 1, count: 512), sector: 0).status == .ioError)
        #expect(try driver.change(RequestType.discard, [(0, 8, 0)]).status == .unsupported)
        #expect(try driver.change(RequestType.writeZeroes, [(0, 8, 0)]).status == .unsupported)
        #expect(try driver.perform(RequestType.flush).status == .ok)
        #expect(try driver.read(sector: 0, count: 4096) == bytes)
        #expect(driver.contents == bytes)
    }

    /// The format never follows the contents.
    @Test func aHeaderOfAnotherFormatIsData() throws {
        let driver = try driver([UInt8](repeating: 0, count: 4096))
        let header: [UInt8] = [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3] + [UInt8](repeating: 0, count: 504)
        #expect(try driver.write(header, sector: 0).status == .ok)
        driver.restart()
        #expect(try driver.read(sector: 0, count: 512) == header)
        #expect(driver.device.configuration(at: 0, as: UInt64.self) == 8)
    }

    @Test(arguments: [2, 3, 5, 7, 9, 10, 12, 14, .max] as [UInt32])
    func unknownRequestsAreUnsupported(type: UInt32) throws {
        let driver = try driver(randomBytes(512))
        #expect(try driver.perform(type) == Answer(status: .unsupported, written: 1))
    }

    @Test func whatWasNotNegotiatedIsUnsupported() throws {
        let bytes = randomBytes(4096)
        let driver = try driver(bytes, features: .version1)
        #expect(try driver.perform(RequestType.flush).status == .unsupported)
        #expect(try driver.change(RequestType.discard, [(0, 8, 0)]).status == .unsupported)
        #expect(try driver.change(RequestType.writeZeroes, [(0, 8, 0)]).status == .unsupported)
        #expect(driver.contents == bytes)
    }

    // MARK: Discard and write zeroes

    @Test(arguments: StorageEngine.Mode.allCases)
    func rangesAreDiscardedAndZeroed(_ mode: StorageEngine.Mode) throws {
        var bytes = randomBytes(256 << 10)
        let driver = try driver(bytes, mode)
        #expect(
            try driver.change(RequestType.discard, [(8, 8, 0), (64, 16, 0), (511, 1, 0)])
                == Answer(status: .ok, written: 1))
        for range in [4096..<8192, 32768..<40960, 261_632..<262_144] {
            bytes.replaceSubrange(range, with: repeatElement(0, count: range.count))
        }
        #expect(driver.contents == bytes)
        #expect(try driver.change(RequestType.writeZeroes, [(100, 3, 1)]).status == .ok)
        #expect(try driver.change(RequestType.writeZeroes, [(200, 300, 0)]).status == .ok)
        for range in [51200..<52736, 102_400..<256_000] {
            bytes.replaceSubrange(range, with: repeatElement(0, count: range.count))
        }
        #expect(driver.contents == bytes)
    }

    @Test func oneBadRangeRefusesAll() throws {
        let bytes = randomBytes(64 << 10)
        let driver = try driver(bytes)
        let good: (UInt64, UInt32, UInt32) = (0, 8, 0)
        #expect(try driver.change(RequestType.discard, [good, (128, 1, 0)]).status == .ioError)
        #expect(try driver.change(RequestType.discard, [good, (.max, 8, 0)]).status == .ioError)
        #expect(try driver.change(RequestType.discard, [good, (1 << 55, 8, 0)]).status == .ioError)
        #expect(try driver.change(RequestType.discard, [good, (0, .max, 0)]).status == .ioError)
        #expect(try driver.change(RequestType.discard, [good, (8, 8, 1)]).status == .unsupported)
        #expect(try driver.change(RequestType.writeZeroes, [(0, 8, 2)]).status == .unsupported)
        #expect(try driver.change(RequestType.writeZeroes, [good, good]).status == .ioError)
        #expect(try driver.change(RequestType.discard, [good], length: 15).status == .ioError)
        #expect(try driver.change(RequestType.discard, [good, good], length: 31).status == .ioError)
        #expect(try driver.change(RequestType.discard, [], length: 0).status == .ioError)
        #expect(try driver.change(RequestType.discard, Array(repeating: good, count: 33)).status == .ioError)
        #expect(driver.contents == bytes)
        #expect(try driver.change(RequestType.discard, Array(repeating: good, count: 32)).status == .ok)
        #expect(driver.contents != bytes)
    }

    // MARK: Bad drivers

    @Test func requestsWithoutHeaderOrStatusNeedAReset() throws {
        for buffers in [
            [.readable(0x10_0000, 15), .writable(0x20_0000, 513)], [.readable(0x10_0000, 16)],
            [.writable(0x20_0000, 513)],
        ] as [[GuestQueue.Buffer]] {
            let driver = try driver(randomBytes(512))
            try driver.queues[0].add(buffers)
            driver.device.notify(0)
            #expect(driver.device.wait { driver.device.status.contains(.needsReset) })
            driver.restart()
            #expect(try driver.read(sector: 0, count: 512) == driver.contents)
        }
    }

    /// Good requests before a bad one are begun and come to their end, without touching the queue.
    @Test(arguments: StorageEngine.Mode.allCases)
    func aBadRequestAmongGoodOnesLeavesNothingBehind(_ mode: StorageEngine.Mode) throws {
        let driver = try driver(randomBytes(64 << 10), mode)
        for slot in 0..<4 as Range<UInt64> {
            try driver.add(RequestType.read, [.writable(BlockDriver.data, 4096)], slot: slot)
        }
        try driver.queues[0].add([.readable(0x10_0000, 1)])
        driver.device.notify(0)
        #expect(driver.device.wait { driver.device.status.contains(.needsReset) })
        #expect(driver.device.reports.count == 1)
        for _ in 0..<20 {
            driver.restart()
            #expect(try driver.read(sector: 0, count: 512)?.count == 512)
        }
    }

    @Test(arguments: StorageEngine.Mode.allCases)
    func resetWaitsForRequestsInFlight(_ mode: StorageEngine.Mode) throws {
        let driver = try driver(randomBytes(4 << 20), mode)
        for _ in 0..<50 {
            for slot in 0..<5 as Range<UInt64> {
                try driver.add(RequestType.read, [.writable(BlockDriver.data + slot << 20, 1 << 20)], slot: slot)
            }
            driver.device.notify(0)
            driver.device.status = []
            // Nothing may come any more.
            try driver.device.memory.write([UInt8](repeating: 0xAA, count: 5 << 20), at: BlockDriver.data)
            driver.restart()
            driver.device.settle()
            #expect(try driver.device.memory.bytes(at: BlockDriver.data, count: 5 << 20).allSatisfyFast(0xAA))
        }
        #expect(try driver.read(sector: 0, count: 512)?.count == 512)
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Whether all bytes are `value`, at memcmp's speed also without optimisation.
    func allSatisfyFast(_ value: UInt8) -> Bool {
        guard let start = baseAddress, count > 1 else { return allSatisfy { $0 == value } }
        return self[0] == value && memcmp(start, start + 1, count - 1) == 0
    }
}
