import Testing
import VirtioTesting

@testable import Virtio

struct SegmentListTests {
    private let buffers = QueueFixture.buffers

    /// The bytes 0, 1, 2... as buffers of these lengths.
    private func list(_ lengths: [UInt32]) throws -> (QueueFixture, SegmentList) {
        let fixture = try QueueFixture()
        try fixture.memory.write((0..<100).map { UInt8($0) }, at: buffers)
        var address = buffers
        var parts: [GuestQueue.Buffer] = []
        for length in lengths {
            parts.append(.readable(address, length))
            address += UInt64(length)
        }
        try fixture.guest.add(parts)
        return (fixture, try #require(try fixture.queue.pop()).readable)
    }

    private func bytes(_ list: SegmentList, _ count: Int = 100) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = list.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    @Test func readsAcrossBuffers() throws {
        let (fixture, list) = try list([3, 1, 6])
        #expect(bytes(list) == Array(0..<10))
        #expect(bytes(list, 5) == Array(0..<5))
        #expect(bytes(list, 0) == [])
        #expect(list.load(as: UInt32.self) == 0x0302_0100)
        #expect(list.load(as: UInt16.self) == 0x0100)
        withExtendedLifetime(fixture) {}
    }

    @Test func loadsNothingFromAShortList() throws {
        let (fixture, list) = try list([3])
        #expect(list.load(as: UInt32.self) == nil)
        withExtendedLifetime(fixture) {}
    }

    @Test func writesAcrossBuffers() throws {
        let (fixture, list) = try list([3, 1, 2])
        #expect(list.store(UInt64(0xA7A6_A5A4_A3A2_A1A0)) == 6)
        #expect(bytes(list) == [0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5])
        withExtendedLifetime(fixture) {}
    }

    @Test(arguments: 0...12)
    func dropsBytesFromTheStart(count: Int) throws {
        var (fixture, list) = try list([3, 1, 6])
        list.removeFirst(count)
        #expect(list.byteCount == max(10 - count, 0))
        #expect(bytes(list) == Array(0..<10).dropFirst(count).map { UInt8($0) })
        withExtendedLifetime(fixture) {}
    }

    @Test(arguments: 0...12)
    func dropsBytesFromTheEnd(count: Int) throws {
        var (fixture, list) = try list([3, 1, 6])
        list.truncate(to: count)
        #expect(list.byteCount == min(10, count))
        #expect(bytes(list) == Array(0..<10).prefix(count).map { UInt8($0) })
        withExtendedLifetime(fixture) {}
    }

    @Test func takesTheLastByte() throws {
        var (fixture, list) = try list([2, 1])
        #expect(list.removeLastByte()?.pointee == 2)
        #expect(list.count == 1)
        #expect(list.removeLastByte()?.pointee == 1)
        #expect(list.removeLastByte()?.pointee == 0)
        #expect(list.removeLastByte() == nil)
        #expect(list.byteCount == 0)
        withExtendedLifetime(fixture) {}
    }

    @Test func amountsOutOfRangeAreHarmless() throws {
        var (fixture, list) = try list([4])
        list.removeFirst(-1)
        #expect(list.byteCount == 4)
        list.removeFirst(.max)
        #expect(list.byteCount == 0)
        list.truncate(to: -1)
        #expect(list.byteCount == 0)
        withExtendedLifetime(fixture) {}
    }
}
