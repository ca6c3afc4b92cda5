import Linux
import Testing

@testable import PCI

/// A guest that accesses whatever comes to its mind, mostly near where something is.
@Suite struct HostileGuestTests {
    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }

    private static let values: [UInt64] = [
        0, 1, 2, 6, 0x8000_0000, 0xD000_0000, 0xD000_1000, 0xD000_F000, 0xD0FF_F000, 0xFFFF_FFFF, .max,
    ]

    @Test(arguments: [1, 2, 3, 0x5EED] as [UInt64])
    func noAccessUpsetsTheBus(seed: UInt64) throws {
        var dice = Dice(state: seed)
        let bus = TestBus()
        let functions = try (0..<34).map { index in
            let function = TestFunction()
            let region = MemoryRegion(
                register: 0, size: 4096 << UInt64(index % 3), width: index % 2 == 0 ? .bits32 : .bits64)
            let vectors = try MSIX(count: 1 + index, sink: TestSink())
            if index % 5 == 0 { vectors.startDelivery() }
            let address = try bus.attach(function, regions: [region], msix: (vectors, 2))
            return (function: function, address: address, region: region)
        }
        let access = EnhancedConfigurationAccess(bus.bus)
        let ports = ConfigurationPorts(bus.bus)

        for _ in 0..<20_000 {
            let value = dice.next() % 4 == 0 ? dice.next() : Self.values.randomElement(using: &dice) ?? 0
            let count = [1, 2, 3, 4, 4, 8].randomElement(using: &dice) ?? 1
            let register = [0x04, 0x10, 0x14, 0x18, 0x42].randomElement(using: &dice) ?? 0
            let offset = dice.next() % 3 == 0 ? dice.next() % (1 << 21) : dice.next() % 40 << 15 | UInt64(register)
            let memory = 0xD000_0000 + dice.next() % (1 << 16)
            withUnsafeBytes(of: value) { bytes in
                let bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(count))
                switch dice.next() % 4 {
                case 0, 1: access.write(offset: offset, bytes: bytes)
                case 2: ports.write(offset: UInt16(dice.next() % 10), bytes: bytes)
                default: _ = bus.bus.write(at: memory, bytes: bytes)
                }
            }
            _ = withBytes(count: count) { access.read(offset: offset, into: $0) }
            _ = withBytes(count: count) { ports.read(offset: UInt16(dice.next() % 10), into: $0) }
            _ = bus.load(memory, count: count)
        }

        for (function, address, region) in functions {
            #expect(bus.read(address, 0x00) == 0x1041_1AF4)
            for case .write(let register, let offset, let bytes) in function.takeCalls() {
                #expect(register == 0)
                #expect(offset + UInt64(bytes.count) <= region.size)
            }
        }
    }
}
