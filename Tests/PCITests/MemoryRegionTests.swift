import Linux
import Testing

@testable import PCI

@Suite struct MemoryRegionTests {
    @Test func writingOnesTellsTheSize() throws {
        let bus = TestBus()
        let address = try bus.attach(regions: [
            MemoryRegion(register: 0, size: 0x4000), MemoryRegion(register: 1, size: 0x1000, isPrefetchable: true),
            MemoryRegion(register: 2, size: 1 << 24, width: .bits64, isPrefetchable: true),
        ])
        let before = bus.read(address, 0x10)
        for offset in stride(from: 0x10, to: 0x28, by: 4) { bus.write(.max, address, offset) }
        #expect(bus.read(address, 0x10) == 0xFFFF_C000)
        #expect(bus.read(address, 0x14) == 0xFFFF_F008)
        #expect(bus.read(address, 0x18) == 0xFF00_000C)
        #expect(bus.read(address, 0x1C) == 0xFFFF_FFFF)
        #expect(bus.read(address, 0x20) == 0)
        bus.write(before, address, 0x10)
        #expect(bus.read(address, 0x10) == before)
    }

    @Test func regionsGetAddressesInTheirWindows() throws {
        let bus = TestBus()
        let low = MemoryRegion(register: 0, size: 0x4000)
        let high = MemoryRegion(register: 2, size: 1 << 20, width: .bits64)
        let first = try bus.attach(regions: [low, high])
        let second = try bus.attach(regions: [MemoryRegion(register: 0, size: 0x1000), low, high].filter { $0 != low })
        let third = try bus.attach(regions: [low])
        #expect(bus.read(first, 0x10) == 0xD000_0000)
        #expect(bus.read(second, 0x10) == 0xD000_4000)
        #expect(bus.read(third, 0x10) == 0xD000_8000, "not a multiple of its size")
        #expect(bus.read(first, 0x18) == 0x0000_0004)
        #expect(bus.read(first, 0x1C) == 0x10)
        #expect(bus.read(second, 0x18) == 0x0010_0004)
    }

    @Test func regionAnswersOnlyWhileMemoryIsEnabled() throws {
        let bus = TestBus()
        let function = TestFunction()
        let address = try bus.attach(function)
        #expect(bus.load(0xD000_0000) == nil)
        bus.enableMemory(address)
        #expect(bus.load(0xD000_0010, count: 2) == 0x1110)
        #expect(bus.store(0xAABB, 0xD000_0FFE, count: 2))
        bus.write(0, address, 0x04, count: 2)
        #expect(bus.load(0xD000_0000) == nil)
        #expect(
            function.takeCalls() == [
                .moved(region: 0, to: 0xD000_0000), .read(region: 0, offset: 0x10, count: 2),
                .write(region: 0, offset: 0xFFE, bytes: [0xBB, 0xAA]), .moved(region: 0, to: nil),
            ])
    }

    @Test(arguments: [(0xD000_0FFD, 4), (0xCFFF_FFFE, 4), (0xD000_0FFF, 2), (UInt64.max, 8), (0xD000_1000, 1)])
    func accessesThatAreNotWhollyInsideReachNoFunction(address: UInt64, count: Int) throws {
        let bus = TestBus()
        let function = TestFunction()
        bus.enableMemory(try bus.attach(function))
        _ = function.takeCalls()
        #expect(bus.load(address, count: count) == nil)
        #expect(!bus.store(0, address, count: count))
        #expect(function.takeCalls() == [])
    }

    @Test func regionMovesWithItsRegister() throws {
        let bus = TestBus()
        let function = TestFunction()
        let address = try bus.attach(function)
        bus.enableMemory(address)
        bus.write(0xD080_0FFF, address, 0x10)
        #expect(bus.load(0xD000_0000) == nil)
        #expect(bus.load(0xD080_0000) != nil)
        #expect(
            function.takeCalls().prefix(3) == [
                .moved(region: 0, to: 0xD000_0000), .moved(region: 0, to: nil), .moved(region: 0, to: 0xD080_0000),
            ])
    }

    @Test(arguments: [0x0000_0000, 0xCFFF_F000, 0xD100_0000, 0xFEE0_0000, 0xFFFF_F000])
    func regionOutsideTheWindowsAnswersNowhere(target: UInt64) throws {
        let bus = TestBus()
        let address = try bus.attach()
        bus.enableMemory(address)
        bus.write(target, address, 0x10)
        #expect(bus.load(target) == nil)
        #expect(bus.load(0xD000_0000) == nil)
        bus.write(0xD000_0000, address, 0x10)
        #expect(bus.load(0xD000_0000) != nil)
    }

    @Test func wideRegionAcrossTheEndOfTheAddressesAnswersNowhere() throws {
        let bus = TestBus()
        let address = try bus.attach(regions: [MemoryRegion(register: 0, size: 1 << 24, width: .bits64)])
        bus.enableMemory(address)
        bus.write(.max, address, 0x10)
        bus.write(.max, address, 0x14)
        #expect(bus.load(.max, count: 1) == nil)
        #expect(bus.load(0xFFFF_FFFF_FF00_0000) == nil)
    }

    @Test func regionOnTopOfAnEarlierOneWaitsUntilItIsFree() throws {
        let bus = TestBus()
        let (early, late) = (TestFunction(), TestFunction())
        let (first, second) = (try bus.attach(early), try bus.attach(late))
        bus.enableMemory(first)
        bus.enableMemory(second)
        _ = (early.takeCalls(), late.takeCalls())

        bus.write(0xD000_0000, second, 0x10)
        #expect(bus.load(0xD000_0000) != nil)
        #expect(late.takeCalls() == [.moved(region: 0, to: nil)])
        #expect(early.takeCalls() == [.read(region: 0, offset: 0, count: 4)])

        bus.write(0, first, 0x04, count: 2)
        #expect(late.takeCalls() == [.moved(region: 0, to: 0xD000_0000)])
        #expect(early.takeCalls() == [.moved(region: 0, to: nil)])
    }

    @Test func windowThatIsFullSaysSo() throws {
        let bus = TestBus()
        _ = try bus.attach(regions: [MemoryRegion(register: 0, size: 1 << 23)])
        _ = try bus.attach(regions: [MemoryRegion(register: 0, size: 1 << 23)])
        #expect(throws: BusError.noRoom(size: 4096)) { _ = try bus.attach() }
    }
}
