import CLinux
import Foundation
import Storage
import SystemPackage
import Testing

@Suite struct StorageEngineTests {
    @Test(arguments: Setting.all)
    func whatIsWrittenIsReadBackByManyRequestsAtOnce(_ setting: Setting) throws {
        let block = 16 << 10
        let file = try setting.image(bytes: [UInt8](repeating: 0, count: 32 * block))
        let engine = try setting.engine(file.path, requests: 32)
        let expected = randomBytes(32 * block)
        let source = Buffer(expected)
        for tag in 0..<32 {
            let part = UnsafeMutableRawBufferPointer(rebasing: source.bytes[(tag * block)..<((tag + 1) * block)])
            engine.transfer(.write, part, [4096, 8192, 4096], tag: tag, at: tag * block)
        }
        #expect(engine.completeAll().sorted { $0.tag < $1.tag } == (0..<32).map { Completion(tag: $0) })
        #expect(file.contents == expected)

        let target = Buffer(zeroes: 32 * block)
        for tag in 0..<32 {
            let part = UnsafeMutableRawBufferPointer(rebasing: target.bytes[(tag * block)..<((tag + 1) * block)])
            engine.transfer(.read, part, [12 << 10, 4096], tag: tag, at: tag * block)
        }
        #expect(engine.completeAll().allSatisfy { $0.failure == nil })
        #expect(target.contents == expected)
    }

    /// Larger than a bounce buffer, and neither addresses nor lengths aligned.
    @Test(arguments: Setting.all)
    func misalignedMemoryIsNoObstacle(_ setting: Setting) throws {
        let count = 200 << 10
        let lengths = [1, 511, 100_001, count - 100_513]
        let expected = randomBytes(count)
        let file = try setting.image(bytes: [UInt8](repeating: 0, count: count + 8192))
        let engine = try setting.engine(file.path)
        let source = Buffer([0] + expected)
        engine.transfer(.write, UnsafeMutableRawBufferPointer(rebasing: source.bytes[1...]), lengths, at: 4096)
        #expect(engine.completeAll() == [Completion(tag: 0)])
        #expect(file.contents == [UInt8](repeating: 0, count: 4096) + expected + [UInt8](repeating: 0, count: 4096))

        let target = Buffer(zeroes: count + 3)
        engine.transfer(.read, UnsafeMutableRawBufferPointer(rebasing: target.bytes[3...]), lengths, at: 4096)
        #expect(engine.completeAll() == [Completion(tag: 0)])
        #expect(Array(target.contents[3...]) == expected)
    }

    @Test(arguments: Setting.all)
    func readingBeyondTheEndOfAShrunkFileFails(_ setting: Setting) throws {
        let file = try setting.image(bytes: randomBytes(64 << 10))
        let engine = try setting.engine(file.path)
        truncate(file.path, 8192)
        let buffer = Buffer(zeroes: 16 << 10)
        engine.transfer(.read, buffer.bytes, at: 0)
        #expect(engine.completeAll() == [Completion(tag: 0, failure: .ioError)])
    }

    @Test(arguments: Setting.all)
    func flushAndDurableWritesSucceed(_ setting: Setting) throws {
        let expected = randomBytes(8192)
        let file = try setting.image(bytes: [UInt8](repeating: 0, count: 8192))
        let engine = try setting.engine(file.path)
        let source = Buffer(expected)
        engine.transfer(.write, source.bytes, durable: true, at: 0)
        #expect(engine.completeAll() == [Completion(tag: 0)])
        engine.start(.flush, tag: 3)
        #expect(engine.completeAll() == [Completion(tag: 3)])
        #expect(file.contents == expected)
    }

    @Test(arguments: Setting.all, [false, true])
    func discardedRoomIsGivenBack(_ setting: Setting, durable: Bool) throws {
        let bytes = randomBytes(1 << 20)
        let file = try setting.image(bytes: bytes)
        let before = file.allocated
        let engine = try setting.engine(file.path)
        engine.start(.discard, tag: 1, durable: durable, offset: 4096, count: 512 << 10)
        #expect(engine.completeAll() == [Completion(tag: 1)])
        #expect(file.allocated <= before - (500 << 10))
        #expect(file.contents.count == bytes.count)
        #expect(file.contents[..<4096] == bytes[..<4096])
        #expect(file.contents[(4096 + 512 << 10)...] == bytes[(4096 + 512 << 10)...])
    }

    @Test(arguments: Setting.all, [false, true])
    func zeroesAreWrittenWhateverTheFileSystemCanDo(_ setting: Setting, mayUnmap: Bool) throws {
        var expected = randomBytes(1 << 20)
        let file = try setting.image(bytes: expected)
        let engine = try setting.engine(file.path, segments: 2)
        engine.start(.writeZeroes(mayUnmap: mayUnmap), tag: 0, durable: true, offset: 4096, count: 700 << 10)
        #expect(engine.completeAll() == [Completion(tag: 0)])
        for index in 4096..<(4096 + 700 << 10) { expected[index] = 0 }
        #expect(file.contents == expected)
    }

    @Test(arguments: StorageEngine.Mode.allCases)
    func writesToAReadOnlyImageFail(_ mode: StorageEngine.Mode) throws {
        let bytes = randomBytes(4096)
        let file = try TemporaryImage(bytes: bytes)
        let engine = try StorageEngine(
            image: RawImage(path: file.path, readOnly: true), requests: 4, segmentsPerRequest: 1, mode: mode)
        try engine.activate()
        let source = Buffer(zeroes: 4096)
        engine.transfer(.write, source.bytes, at: 0)
        engine.start(.discard, tag: 1, offset: 0, count: 4096)
        engine.start(.writeZeroes(mayUnmap: true), tag: 2, offset: 0, count: 4096)
        let failed = engine.completeAll().filter { $0.failure == .badFileDescriptor }
        #expect(failed.map(\.tag).sorted() == [0, 1, 2])
        #expect(file.contents == bytes)
    }

    @Test(arguments: Setting.all)
    func requestsOfNoBytesComplete(_ setting: Setting) throws {
        let file = try setting.image(bytes: [])
        let engine = try setting.engine(file.path)
        engine.start(.read, tag: 5, offset: 1 << 40, count: 0)
        #expect(engine.completeAll() == [Completion(tag: 5)])
    }

    @Test(arguments: Setting.all)
    func finishLeavesNothingInFlight(_ setting: Setting) throws {
        let expected = randomBytes(256 << 10)
        let file = try setting.image(bytes: [UInt8](repeating: 0, count: expected.count))
        let engine = try setting.engine(file.path, requests: 64)
        let source = Buffer(expected)
        for tag in 0..<64 {
            let part = UnsafeMutableRawBufferPointer(rebasing: source.bytes[(tag * 4096)..<((tag + 1) * 4096)])
            engine.transfer(.write, part, tag: tag, at: tag * 4096)
        }
        engine.finish()
        #expect(engine.inFlight == 0)
        #expect(file.contents == expected)
    }

    @Test(arguments: StorageEngine.Mode.allCases)
    func requestsGoToTheImageThatReplacedAnother(_ mode: StorageEngine.Mode) throws {
        let old = try TemporaryImage(bytes: [UInt8](repeating: 1, count: 512))
        let new = try TemporaryImage(bytes: [UInt8](repeating: 2, count: 512))
        let engine = try Setting(mode: mode, directory: "", direct: false).engine(old.path)
        try engine.replaceImage(RawImage(path: new.path))
        let target = Buffer(zeroes: 512)
        engine.transfer(.read, target.bytes, at: 0)
        #expect(engine.completeAll() == [Completion(tag: 0)])
        #expect(target.contents == [UInt8](repeating: 2, count: 512))
        // The former image is unlocked.
        #expect(throws: Never.self) { _ = try RawImage(path: old.path) }
    }

    @Test func memoryFilesNeedNoRingAndOthersGetOne() throws {
        let inMemory = try TemporaryImage(bytes: [], in: "/dev/shm")
        let plain = try StorageEngine(image: RawImage(path: inMemory.path), requests: 1, segmentsPerRequest: 1)
        #expect(plain.mode == .plain)
        #expect(plain.ringFailure == nil)
        let onDisk = try TemporaryImage(bytes: [], in: FileManager.default.currentDirectoryPath)
        let ring = try StorageEngine(image: RawImage(path: onDisk.path), requests: 1, segmentsPerRequest: 1)
        #expect((ring.mode == .ring) == (ring.ringFailure == nil))
    }

    /// As many bytes as take several system calls.
    @Test(arguments: Setting.all)
    func largeRequestsAreWholeUnlessTheyAreCutShort(_ setting: Setting) throws {
        let count = 9 << 20
        let expected = randomBytes(count)
        let file = try setting.image(bytes: expected)
        let engine = try setting.engine(file.path)
        let target = Buffer(zeroes: count)
        engine.transfer(.read, target.bytes, [1 << 20, 5 << 20, 3 << 20], at: 0)
        #expect(engine.completeAll() == [Completion(tag: 0)])
        #expect(target.contents == expected)

        let cut = Buffer(zeroes: count)
        engine.cutsRequestsShort = true
        engine.transfer(.read, cut.bytes, at: 0)
        #expect(engine.completeAll() == [Completion(tag: 0, failure: .canceled)])
        #expect(cut.contents.suffix(count / 2).allSatisfy { $0 == 0 })
        engine.cutsRequestsShort = false
        engine.transfer(.read, cut.bytes, at: 0)
        #expect(engine.completeAll() == [Completion(tag: 0)])
        #expect(cut.contents == expected)
    }
}
