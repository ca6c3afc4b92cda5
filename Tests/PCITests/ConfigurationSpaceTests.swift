import Linux
import Testing

@testable import PCI

@Suite struct ConfigurationSpaceTests {
    @Test func headerSaysWhatTheFunctionIs() throws {
        let bus = TestBus()
        let identity = ConfigurationSpace.Identity(
            vendor: 0x1AF4, device: 0x1042, revision: 1, classCode: 0x01_8000, subsystemVendor: 0x1AF4, subsystem: 0x40)
        let address = try bus.bus.attach(
            TestFunction(), configuration: ConfigurationSpace(identity), regions: [])
        #expect(bus.read(address, 0x00) == 0x1042_1AF4)
        #expect(bus.read(address, 0x08) == 0x0180_0001)
        #expect(bus.read(address, 0x2C) == 0x0040_1AF4)
        #expect(bus.read(address, 0x0E, count: 1) == 0)
        #expect(bus.read(address, 0x06, count: 2) == 0, "a list of capabilities where there are none")
        #expect(bus.read(.hostBridge, 0x08) >> 8 == 0x06_0000)
    }

    @Test func readsOfEveryWidthSeeTheSameBytes() throws {
        let bus = TestBus()
        let address = try bus.attach()
        #expect(bus.read(address, 0, count: 1) == 0xF4)
        #expect(bus.read(address, 1, count: 2) == 0x411A)
        #expect(bus.read(address, 2, count: 2) == 0x1041)
        #expect(bus.read(address, 3, count: 1) == 0x10)
    }

    @Test(arguments: [(0, 8), (0, 3), (3, 2), (2, 4), (1, 4), (0xFFE, 4), (0x1000, 1), (-1, 1), (0, 0)])
    func accessesThatPCIHasNotReadAsOnesAndWriteNothing(offset: Int, count: Int) throws {
        let bus = TestBus()
        let address = try bus.attach()
        bus.write(.max, address, offset, count: count)
        #expect(bus.read(address, offset, count: count) == (count == 0 ? 0 : ones(count)))
        #expect(bus.read(address, 0x00) == 0x1041_1AF4)
        #expect(bus.read(address, 0x04, count: 2) == 0)
    }

    @Test func whatDoesNotExistReadsAsOnesOrZeros() throws {
        let bus = TestBus()
        let address = try bus.attach()
        #expect(bus.read(FunctionAddress(truncating: 0xFF), 0) == 0xFFFF_FFFF)
        bus.write(.max, FunctionAddress(truncating: 0xFF), 0)
        #expect(bus.read(address, 0x100) == 0, "an extended capability")
        #expect(bus.read(address, 0xFFC) == 0)
        bus.write(.max, address, 0xFFC)
        #expect(bus.read(address, 0xFFC) == 0)
    }

    @Test func onlyWritableBitsChange() throws {
        let bus = TestBus()
        let address = try bus.attach(regions: [])
        for offset in stride(from: 0, to: 256, by: 4) { bus.write(.max, address, offset) }
        #expect(bus.read(address, 0x00) == 0x1041_1AF4)
        #expect(bus.read(address, 0x04) == 0x0000_0406, "more of the command and status than there is")
        #expect(bus.read(address, 0x08) == 0x0200_0000)
        #expect(bus.read(address, 0x0C) == 0xFF, "more than the cache line size")
        #expect(bus.read(address, 0x10) == 0, "a base address register without a region")
        #expect(bus.read(address, 0x30) == 0, "an expansion ROM")
        #expect(bus.read(address, 0x3C) == 0xFF, "more than the interrupt line")
    }

    @Test func capabilitiesFormAList() throws {
        let bus = TestBus()
        var configuration = ConfigurationSpace(TestBus.identity)
        let first = configuration.addCapability(CapabilityID.vendorSpecific, body: [5, 0xAA, 0xBB])
        let second = configuration.addCapability(CapabilityID.vendorSpecific, body: [4, 0xCC])
        configuration.allowWrites(of: UInt8(0x0F), at: first + 4)
        let address = try bus.bus.attach(TestFunction(), configuration: configuration, regions: [])

        #expect(bus.read(address, 0x06, count: 2) == 0x10)
        #expect(bus.read(address, 0x34) == UInt64(first))
        #expect(first == 0x40)
        #expect(bus.read(address, first) == 0xAA05_0009 | UInt64(second) << 8)
        #expect(second.isMultiple(of: 4))
        #expect(bus.read(address, second) == 0xCC04_0009)
        bus.write(.max, address, first + 4)
        #expect(bus.read(address, first + 4) == 0xBF)
    }

    @Test func functionCanBringARegisterUpToDate() throws {
        let bus = TestBus()
        let address = try bus.attach(TestFunction(liveRegister: (offset: 0x80, value: { 0x1234_5678 })))
        #expect(bus.read(address, 0x7C) == 0)
        #expect(bus.read(address, 0x80, count: 2) == 0x5678)
    }
}
