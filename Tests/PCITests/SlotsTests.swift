import Linux
import Synchronization
import Testing

@testable import PCI

/// Functions that come and go while a guest runs, as the guest's registers show it.
@Suite struct SlotsTests {
    /// A bus with slots, whose registers a test reads and writes as a guest does.
    private final class Fixture: Sendable {
        static let second: UInt64 = 1_000_000_000
        static let inserted: UInt16 = 0
        static let removals: UInt16 = 4
        static let ejected: UInt16 = 8

        let bus = TestBus()
        let slots: Slots
        /// All that the interrupt line was set to.
        let line = Line()

        final class Line: Sendable {
            private let levels = Mutex<[Bool]>([])

            func set(_ isHigh: Bool) { levels.withLock { $0.append(isHigh) } }
            var value: [Bool] { levels.withLock { $0 } }
        }

        init(devices: [UInt8] = [1, 2, 31]) {
            slots = Slots(of: bus.bus, devices: devices) { [line] in line.set($0) }
        }

        func plug(_ function: any Function = TestFunction()) throws -> FunctionAddress {
            try slots.plug(
                function, configuration: ConfigurationSpace(TestBus.identity),
                regions: [MemoryRegion(register: 0, size: 4096)])
        }

        func read(_ register: UInt16, count: Int = 4) -> UInt64 {
            withBytes(count: count) { slots.read(offset: register, into: $0) }
        }

        func write(_ register: UInt16, _ value: UInt32, count: Int = 4) {
            withUnsafeBytes(of: UInt64(value)) {
                slots.write(offset: register, bytes: UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
            }
        }

        /// Has the guest be asked to let go of a device, and lets it do `answer` once it has been.
        ///
        /// - Parameter timeout: nanoseconds.
        func remove(
            _ device: UInt8, timeout: UInt64 = 10 * second, _ answer: () -> Void = {}
        ) throws -> Slots.Removal? {
            let result = ConditionLock<Slots.Removal?>(nil)
            let thread = try NativeThread(name: "test") { [slots] in
                let removal = slots.remove(device, timeout: timeout)
                result.withLock { $0 = removal }
            }
            while slots.state.awaited & 1 << UInt32(device) == 0, result.withLock({ $0 == nil }) {}
            answer()
            thread.join()
            return result.withLock { $0 }
        }
    }

    // MARK: The bus

    @Test func functionsComeIntoFreeSlotsAndTheGuestPlacesThem() throws {
        let fixture = Fixture()
        _ = try fixture.bus.attach()
        let function = TestFunction()
        let address = try fixture.plug(function)
        #expect((address.device, address.function) == (2, 0))
        #expect(try fixture.plug().device == 31)
        #expect(throws: BusError.noSlot) { try fixture.plug() }

        #expect(fixture.bus.read(address, 0x00) == 0x1041_1AF4)
        #expect(fixture.bus.read(address, 0x10) == 0)
        fixture.bus.write(0xD080_0000, address, 0x10)
        #expect(fixture.bus.load(0xD080_0000) == nil)
        fixture.bus.enableMemory(address)
        #expect(fixture.bus.load(0xD080_0000) != nil)
        #expect(function.takeCalls().first == .moved(region: 0, to: 0xD080_0000))
    }

    /// The first two are on top of each other; the second answers once the first has gone.
    @Test func whatHasGoneAnswersNowhere() throws {
        let fixture = Fixture()
        let functions = (0..<3).map { _ in TestFunction() }
        let addresses = try functions.map { try fixture.plug($0) }
        for (address, place) in zip(addresses, [0xD080_0000, 0xD080_0000, 0xD080_4000] as [UInt64]) {
            fixture.bus.write(place, address, 0x10)
            fixture.bus.enableMemory(address)
        }
        for function in functions { _ = function.takeCalls() }

        fixture.bus.bus.detach(device: 1)
        #expect(fixture.bus.read(addresses[0], 0x00) == 0xFFFF_FFFF)
        #expect(functions[0].takeCalls() == [.moved(region: 0, to: nil)])
        #expect(functions[1].takeCalls() == [.moved(region: 0, to: 0xD080_0000)])
        #expect(functions[2].takeCalls() == [])
        _ = fixture.bus.load(0xD080_0010)
        _ = fixture.bus.load(0xD080_4020)
        #expect(functions[0].takeCalls() == [])
        #expect(functions[1].takeCalls() == [.read(region: 0, offset: 0x10, count: 4)])
        #expect(functions[2].takeCalls() == [.read(region: 0, offset: 0x20, count: 4)])
        fixture.bus.bus.detach(device: 31)
        #expect(fixture.bus.load(0xD080_4020) == nil)

        #expect(try fixture.plug().device == 1)
        #expect(fixture.bus.read(addresses[0], 0x04, count: 2) == 0)
    }

    @Test func theHostBridgeStays() throws {
        let fixture = Fixture()
        fixture.bus.bus.detach(device: 0)
        #expect(fixture.bus.read(.hostBridge, 0x00) == 0x0008_1B36)
    }

    // MARK: Telling

    @Test func theLineIsHighAsLongAsThereIsNews() throws {
        let fixture = Fixture()
        fixture.slots.announce(1)
        fixture.slots.announce(31)
        #expect(fixture.line.value == [true])
        #expect(fixture.read(Fixture.removals) == 0)
        #expect(fixture.read(Fixture.inserted) == 1 << 31 | 1 << 1)
        #expect(fixture.line.value == [true, false])
        #expect(fixture.read(Fixture.inserted) == 0)
        #expect(fixture.read(Fixture.ejected) == 0)
        fixture.slots.announce(2)
        #expect(fixture.line.value == [true, false, true])
    }

    @Test func accessesInOtherWidthsAndPlacesAreNone() throws {
        let fixture = Fixture()
        fixture.slots.announce(1)
        for offset: UInt16 in [0, 1, 2, 4, 8, 9, 11, 12, .max] {
            for count in [1, 2, 3, 8] { #expect(fixture.read(offset, count: count) == ones(count)) }
        }
        for offset: UInt16 in [1, 2, 3, 5, 10, 12, .max] { #expect(fixture.read(offset) == ones(4)) }
        #expect(fixture.slots.state.inserted == 1 << 1)
        for register in [Fixture.inserted, Fixture.removals] { fixture.write(register, .max) }
        #expect(fixture.slots.state.inserted == 1 << 1)
        #expect(fixture.slots.state.removals == 0)
        #expect(fixture.line.value == [true])
    }

    // MARK: Letting go

    @Test func aGuestLetsGoOfWhatItIsAskedFor() throws {
        let fixture = Fixture()
        let address = try fixture.plug()
        let removal = try fixture.remove(1) {
            #expect(fixture.read(Fixture.removals) == 1 << 1)
            #expect(fixture.bus.read(address, 0x00) == 0x1041_1AF4)
            fixture.write(Fixture.ejected, 1 << 1)
            #expect(fixture.bus.read(address, 0x00) == 0xFFFF_FFFF)
        }
        #expect(removal == .ejected)
        #expect(fixture.slots.state == .init())
        #expect(fixture.line.value == [true, false])
    }

    /// So nothing is left to be told of a device that has gone.
    @Test func aGuestMayLetGoBeforeItIsTold() throws {
        let fixture = Fixture()
        _ = try fixture.plug()
        fixture.slots.announce(1)
        #expect(try fixture.remove(1) { fixture.write(Fixture.ejected, 1 << 1) } == .ejected)
        #expect(fixture.slots.state == .init())
        #expect(fixture.line.value == [true, false])
    }

    @Test func anEjectionThatNobodyWaitsForHasNoEffect() throws {
        let fixture = Fixture()
        let addresses = [try fixture.bus.attach(), try fixture.plug()]
        fixture.write(Fixture.ejected, .max)
        fixture.write(Fixture.ejected, .max, count: 8)
        let removal = try fixture.remove(2) {
            fixture.write(Fixture.ejected, .max, count: 2)
            fixture.write(Fixture.ejected, ~(1 << 2))
            #expect(fixture.bus.read(addresses[1], 0x00) == 0x1041_1AF4)
            for _ in 0..<3 { fixture.write(Fixture.ejected, .max) }
        }
        #expect(removal == .ejected)
        #expect(fixture.bus.read(addresses[0], 0x00) == 0x1041_1AF4)
        #expect(fixture.bus.read(addresses[1], 0x00) == 0xFFFF_FFFF)
        #expect(fixture.bus.read(.hostBridge, 0x00) == 0x0008_1B36)
    }

    @Test func aGuestThatIsLateIsTooLate() throws {
        let fixture = Fixture()
        let address = try fixture.plug()
        fixture.slots.announce(1)
        #expect(try fixture.remove(1, timeout: 20_000_000) == .timedOut)
        // It need not be told any more; what it does not know yet is that the device is there.
        #expect(fixture.slots.state.removals == 0)
        #expect(fixture.slots.state.inserted == 1 << 1)
        fixture.write(Fixture.ejected, 1 << 1)
        #expect(fixture.bus.read(address, 0x00) == 0x1041_1AF4)
        #expect(try fixture.remove(1, timeout: .max) { fixture.write(Fixture.ejected, 1 << 1) } == .ejected)
        #expect(fixture.bus.read(address, 0x00) == 0xFFFF_FFFF)
    }

    @Test func nobodyWaitsAtTheEnd() throws {
        let fixture = Fixture()
        _ = try fixture.plug()
        #expect(fixture.slots.remove(1, timeout: .max, unless: { true }) == .timedOut)
        #expect(try fixture.remove(1, timeout: .max) { fixture.slots.close() } == .closed)
        #expect(try fixture.remove(1, timeout: .max) == .closed)
    }
}
