import Storage
import Testing

/// Block devices as images. They take loop devices, which only root can make.
@Suite(.serialized, .enabled(if: LoopDevice.isAvailable, "loop devices take root and /sbin/losetup"))
struct BlockDeviceImageTests {
    @Test(arguments: StorageEngine.Mode.allCases, [false, true])
    func blockDevicesAreReadWrittenAndDiscarded(_ mode: StorageEngine.Mode, direct: Bool) throws {
        var expected = randomBytes(8 << 20)
        let file = try TemporaryImage(bytes: expected)
        let device = try #require(LoopDevice(file))
        let setting = Setting(mode: mode, directory: "", direct: direct)
        do {
            let engine = try setting.engine(device.path)
            #expect(try engine.image.size() == .init(visible: 8 << 20, hidden: 0))
            let source = Buffer(randomBytes(64 << 10))
            engine.transfer(.write, source.bytes, at: 1 << 20)
            #expect(engine.completeAll() == [Completion(tag: 0)])
            expected.replaceSubrange((1 << 20)..<((1 << 20) + (64 << 10)), with: source.contents)
            engine.start(.discard, tag: 1, durable: true, offset: 2 << 20, count: 1 << 20)
            #expect(engine.completeAll() == [Completion(tag: 1)])
            engine.start(.writeZeroes(mayUnmap: true), tag: 2, offset: 3 << 20, count: 1 << 20)
            engine.start(.writeZeroes(mayUnmap: false), tag: 3, offset: (5 << 20) + 512, count: 1 << 20)
            #expect(engine.completeAll().allSatisfy { $0.failure == nil })
            expected.replaceSubrange((2 << 20)..<(4 << 20), with: repeatElement(0, count: 2 << 20))
            expected.replaceSubrange(
                ((5 << 20) + 512)..<((6 << 20) + 512), with: repeatElement(0, count: 1 << 20))
            engine.start(.flush, tag: 0)
            #expect(engine.completeAll() == [Completion(tag: 0)])
            let target = Buffer(zeroes: expected.count)
            engine.transfer(.read, target.bytes, at: 0)
            #expect(engine.completeAll() == [Completion(tag: 0)])
            #expect(target.contents == expected)
        }
    }

    @Test func largeSectorsAreTheLogicalBlockOfDirectTransfers() throws {
        let file = try TemporaryImage(bytes: randomBytes(1 << 20))
        let device = try #require(LoopDevice(file, sectorSize: 4096))
        #expect(try RawImage(path: device.path, direct: true).alignment.logicalBlock == 4096)
        #expect(try RawImage(path: device.path).alignment == .any)
    }
}
