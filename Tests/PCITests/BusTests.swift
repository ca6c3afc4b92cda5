import Foundation
import Linux
import Testing

@testable import PCI

@Suite struct BusTests {
    @Test func functionsHaveDevicesOfTheirOwnWhileThereAreAny() throws {
        let bus = TestBus()
        let addresses = try (0..<31).map { _ in try bus.attach() }
        #expect(addresses.map(\.device) == Array(1...31))
        #expect(addresses.allSatisfy { $0.function == 0 })
        #expect(addresses.allSatisfy { bus.read($0, 0x0E, count: 1) == 0 })

        let next = try bus.attach()
        #expect((next.device, next.function) == (1, 1))
        #expect(bus.read(addresses[0], 0x0E, count: 1) == 0x80)
        #expect(bus.read(next, 0x0E, count: 1) == 0x80)
        #expect(bus.read(addresses[1], 0x0E, count: 1) == 0)
        #expect(bus.read(next, 0x00) == 0x1041_1AF4)
    }

    @Test func fullBusSaysSo() throws {
        let bus = TestBus()
        for _ in 0..<248 { _ = try bus.attach(regions: []) }
        #expect(throws: BusError.full) { _ = try bus.attach(regions: []) }
        #expect("\(BusError.full)".contains("248"))
    }

    @Test func enhancedAccessFindsFunctionsByAddress() throws {
        let bus = TestBus()
        let access = EnhancedConfigurationAccess(bus.bus)
        _ = try bus.attach()
        #expect(withBytes(count: 4) { access.read(offset: 1 << 15, into: $0) } == 0x1041_1AF4)
        #expect(withBytes(count: 4) { access.read(offset: 1 << 15 | 1 << 12, into: $0) } == 0xFFFF_FFFF)
        #expect(withBytes(count: 8) { access.read(offset: 1 << 15, into: $0) } == .max)
        #expect(withBytes(count: 4) { access.read(offset: 1 << 20, into: $0) } == 0xFFFF_FFFF)
        #expect(withBytes(count: 4) { access.read(offset: .max, into: $0) } == 0xFFFF_FFFF)
        withUnsafeBytes(of: UInt16(6)) { access.write(offset: 1 << 15 | 4, bytes: $0) }
        withUnsafeBytes(of: UInt16(0)) { access.write(offset: 1 << 20 | 1 << 15 | 4, bytes: $0) }
        #expect(withBytes(count: 2) { access.read(offset: 1 << 15 | 4, into: $0) } == 6)
    }

    @Test func portsReachTheSelectedFunction() throws {
        let bus = TestBus()
        let ports = ConfigurationPorts(bus.bus)
        _ = try bus.attach()
        func select(_ address: UInt32) { withUnsafeBytes(of: address) { ports.write(offset: 0, bytes: $0) } }
        func read(_ offset: UInt16, _ count: Int) -> UInt64 {
            withBytes(count: count) { ports.read(offset: offset, into: $0) }
        }

        select(0x8000_0800)
        #expect(read(0, 4) == 0x8000_0800)
        #expect(read(4, 4) == 0x1041_1AF4)
        #expect(read(6, 2) == 0x1041)
        #expect(read(5, 1) == 0x1A)
        #expect(read(7, 2) == 0xFFFF, "an access across the end")
        withUnsafeBytes(of: UInt8(1)) { ports.write(offset: 3, bytes: $0) }
        #expect(read(0, 4) == 0x8000_0800, "the address takes single bytes")
        #expect(read(1, 1) == 0xFF)

        select(0x8000_0804)
        withUnsafeBytes(of: UInt16(6)) { ports.write(offset: 4, bytes: $0) }
        #expect(read(4, 2) == 6)

        select(0x0000_0800)
        #expect(read(4, 4) == 0xFFFF_FFFF, "an address that is not enabled")
        select(0x8001_0800)
        #expect(read(4, 4) == 0xFFFF_FFFF, "a bus that is not there")
        select(.max)
        #expect(read(0, 4) == 0x80FF_FFFC)
    }

    @Test func stateComesBackWithItsMappings() throws {
        func make() throws -> (TestBus, TestFunction, FunctionAddress, MSIX) {
            let bus = TestBus()
            let function = TestFunction()
            let vectors = try MSIX(count: 2, sink: TestSink())
            let address = try bus.attach(function, msix: (vectors, 1))
            return (bus, function, address, vectors)
        }
        let (saved, _, address, vectors) = try make()
        saved.enableMemory(address)
        saved.write(0xD080_0000, address, 0x10)
        saved.store(0xFEE0_1000, 0xD000_1010)
        vectors.events[1].counter.signal()
        let state = try JSONDecoder().decode([Bus.FunctionState].self, from: JSONEncoder().encode(saved.bus.state))

        let (restored, function, _, restoredVectors) = try make()
        try restored.bus.restore(state)
        #expect(function.takeCalls().contains(.moved(region: 0, to: 0xD080_0000)))
        #expect(restored.load(0xD000_1010) == 0xFEE0_1000)
        #expect(restoredVectors.pendingBits(word: 0) == 0b10)
        #expect(restored.bus.state == state)
    }

    @Test func stateOfOtherFunctionsIsRefused() throws {
        let one = TestBus()
        _ = try one.attach()
        let state = one.bus.state
        let two = TestBus()
        #expect(throws: BusError.foreignState) { try two.bus.restore(state) }
        _ = try two.attach(msix: (try MSIX(count: 1, sink: TestSink()), 1))
        #expect(throws: BusError.foreignState) { try two.bus.restore(state) }
    }

    @Test func damagedStateChangesOnlyWhatAGuestCould() throws {
        let bus = TestBus()
        let address = try bus.attach()
        let damaged = bus.bus.state.map {
            Bus.FunctionState(address: $0.address, registers: [UInt8](repeating: 0xFF, count: 256), vectors: nil)
        }
        try bus.bus.restore(damaged)
        #expect(bus.read(address, 0x00) == 0x1041_1AF4)
        #expect(bus.read(address, 0x34) == 0)
    }
}
