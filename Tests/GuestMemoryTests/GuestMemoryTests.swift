import GuestMemory
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
}
