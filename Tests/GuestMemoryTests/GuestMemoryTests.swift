import GuestMemory
import MachineConfiguration
import Testing

@Suite struct GuestMemoryTests {
    private static let mebibyte: UInt64 = 1 << 20

    @Test func memoryBelowTheHoleIsOneRegion() throws {
        let memory = try GuestMemory(size: 16 * Self.mebibyte)
        #expect(memory.regions.map(\.start) == [0])
        #expect(memory.regions.map(\.end) == [16 * Self.mebibyte])
    }

    @Test func memoryBeyondTheHoleContinuesAtFourGibibytes() throws {
        let memory = try GuestMemory(size: 5 << 30)
        #expect(memory.regions.map(\.start) == [0, 4 << 30])
        #expect(memory.regions.map(\.end) == [3 << 30, 6 << 30])
        #expect(memory.hostAddress(of: memory.regions[1]) - memory.hostAddress(of: memory.regions[0]) == 3 << 30)

        try memory.store(UInt64(0x1122_3344_5566_7788), at: 6 << 30 - 8)
        #expect(try memory.load(at: 6 << 30 - 4, as: UInt32.self) == 0x1122_3344)
    }

    @Test(
        arguments: [
            (0, 16 << 20 + 1), (16 << 20, 1), (16 << 20 - 3, 4), (3 << 30, 1), (4 << 30, 1), (UInt64.max, 1),
            (UInt64.max - 3, 8), (0, Int.max), (1, Int.max), (4096, -1),
        ] as [(UInt64, Int)])
    func accessOutsideOfMemoryFails(address: UInt64, count: Int) throws {
        let memory = try GuestMemory(size: 16 * Self.mebibyte)
        #expect(throws: GuestMemoryError.self) { try memory.bytes(at: address, count: count) }
    }

    @Test func accessAcrossTheHoleFails() throws {
        let memory = try GuestMemory(size: 4 << 30)
        #expect(throws: GuestMemoryError.outOfRange(address: 3 << 30 - 1, count: 2)) {
            try memory.bytes(at: 3 << 30 - 1, count: 2)
        }
        #expect(throws: GuestMemoryError.self) { try memory.bytes(at: 4 << 30 - 1, count: 2) }
        #expect(try memory.bytes(at: 4 << 30, count: 1 << 30).count == 1 << 30)
    }

    @Test(arguments: [0, 1, 4095, 1 << 47] as [UInt64])
    func unusableSizesAreRefused(size: UInt64) {
        #expect(throws: GuestMemoryError.unusableSize(size, granule: 4096)) { try GuestMemory(size: size) }
    }

    @Test func missingHugePagesAreNamedWithTheRemedy() throws {
        do {
            _ = try GuestMemory(size: 1 << 40, pages: .hugetlbfs)
            Issue.record("a host with a TiB of reserved huge pages?")
        } catch {
            #expect(error.description.contains("sysctl vm.nr_hugepages=524288"))
        }
    }

    // MARK: Giving memory back

    @Test func discardedPagesReadAsZeros() throws {
        let memory = try GuestMemory(size: 16 * Self.mebibyte, pages: .never)
        try memory.write([UInt8](repeating: 0xFF, count: 5 * 4096), at: 0)
        #expect(memory.discard(try memory.bytes(at: 4095, count: 3 * 4096)) == 2 * 4096)
        #expect(try memory.load(at: 4095, as: UInt8.self) == 0xFF)
        #expect(try memory.load(at: 4096, as: UInt64.self) == 0)
        #expect(try memory.load(at: 3 * 4096 - 1, as: UInt8.self) == 0)
        #expect(try memory.load(at: 3 * 4096, as: UInt8.self) == 0xFF)
    }

    @Test func lessThanAPageIsNotDiscarded() throws {
        let memory = try GuestMemory(size: 16 * Self.mebibyte)
        try memory.store(UInt8(1), at: 8191)
        #expect(memory.discard(try memory.bytes(at: 4097, count: 4095)) == 0)
        #expect(memory.discard(try memory.bytes(at: 4096, count: 4095)) == 0)
        #expect(memory.discard(try memory.bytes(at: 0, count: 0)) == 0)
        #expect(try memory.load(at: 8191, as: UInt8.self) == 1)
    }

    @Test func otherMemoryIsNotDiscarded() throws {
        let memory = try GuestMemory(size: 16 * Self.mebibyte)
        let other = try GuestMemory(size: 16 * Self.mebibyte)
        #expect(other.discard(try memory.bytes(at: 0, count: 4096)) == 0)
        let past = UnsafeMutableRawBufferPointer(
            start: try memory.bytes(at: 15 * Self.mebibyte, count: 1 << 20).baseAddress, count: 1 << 20 + 4096)
        #expect(memory.discard(past) == 0)
    }

    @Test func onlyTouchedMemoryIsResident() throws {
        let memory = try GuestMemory(size: 64 << 20, pages: .never)
        let before = try #require(memory.residentSize)
        #expect(before < 1 << 20)
        for page in 0..<1000 as Range<UInt64> { try memory.store(1 as UInt8, at: page * 4096) }
        #expect(try #require(memory.residentSize) >= before + 1000 * 4096)
        memory.discard(try memory.bytes(at: 0, count: 1000 * 4096))
        #expect(try #require(memory.residentSize) <= before + 4096)
    }
}
