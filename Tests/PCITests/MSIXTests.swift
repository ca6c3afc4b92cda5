import Linux
import Testing

@testable import PCI

@Suite struct MSIXTests {
    /// A function with vectors, whose table is at the start of the bus's window.
    private struct Fixture {
        static let table: UInt64 = 0xD000_0000
        static let message = MSIX.Message(address: 0xFEE0_1000, data: 0x4022)

        let bus = TestBus()
        let sink = TestSink()
        let vectors: MSIX
        let address: FunctionAddress
        let capability: Int

        init(vectors count: Int = 3) throws {
            vectors = try MSIX(count: count, sink: sink)
            address = try bus.attach(regions: [], msix: (vectors, 1))
            capability = Int(bus.read(address, 0x34, count: 1))
            bus.enableMemory(address)
        }

        var pending: UInt64 { UInt64(vectors.count * 16) + Self.table }

        func setControl(_ value: UInt64) { bus.write(value, address, capability + 2, count: 2) }

        /// Writes a vector as a driver does: address, data, and then the mask.
        func set(_ vector: UInt64, _ message: MSIX.Message = Self.message, isMasked: Bool = false) {
            let entry = Self.table + 16 * vector
            bus.store(message.address & 0xFFFF_FFFF, entry)
            bus.store(message.address >> 32, entry + 4)
            bus.store(UInt64(message.data), entry + 8)
            bus.store(isMasked ? 1 : 0, entry + 12)
        }
    }

    @Test func capabilityNamesTableAndPendingBits() throws {
        let fixture = try Fixture(vectors: 3)
        #expect(fixture.bus.read(fixture.address, fixture.capability, count: 1) == 0x11)
        #expect(fixture.bus.read(fixture.address, fixture.capability + 2, count: 2) == 2)
        #expect(fixture.bus.read(fixture.address, fixture.capability + 4) == 1)
        #expect(fixture.bus.read(fixture.address, fixture.capability + 8) == 3 * 16 | 1)
        fixture.setControl(0xFFFF)
        #expect(fixture.bus.read(fixture.address, fixture.capability + 2, count: 2) == 0xC002)
    }

    @Test func mostVectorsHaveRoomInTheirRegion() throws {
        let sink = TestSink()
        let bus = TestBus()
        let vectors = try MSIX(count: 300, sink: sink)
        let address = try bus.attach(regions: [], msix: (vectors, 0))
        bus.write(.max, address, 0x10)
        #expect(bus.read(address, 0x10) == 0xFFFF_E000, "less than 300 * 16 + 40 bytes")
    }

    @Test func vectorsStartMaskedAndKeepWhatIsWritten() throws {
        let fixture = try Fixture()
        let entry = Fixture.table + 16
        #expect(fixture.bus.load(entry + 12) == 1)
        fixture.bus.store(0xFFFF_FFFF_FFFF_FFFF, entry, count: 8)
        fixture.bus.store(0x0000_0000_1234_5678, entry + 8, count: 8)
        #expect(fixture.bus.load(entry, count: 8) == 0xFFFF_FFFF_FFFF_FFFC)
        #expect(fixture.bus.load(entry + 8, count: 8) == 0x1234_5678)
        fixture.bus.store(0xFFFF_FFFF, entry + 12)
        #expect(fixture.bus.load(entry + 12) == 1)
        #expect(fixture.bus.load(entry + 4) == 0xFFFF_FFFF)
        #expect(fixture.bus.load(entry - 4) == 1, "a neighbour was changed")
        #expect(fixture.bus.load(entry + 16, count: 8) == 0, "a neighbour was changed")
    }

    @Test(arguments: [(0, 1), (0, 2), (2, 4), (4, 8), (1, 4), (3, 3)])
    func accessesThatTheTableHasNotAreIgnored(offset: UInt64, count: Int) throws {
        let fixture = try Fixture()
        fixture.bus.store(0, Fixture.table + offset, count: count)
        #expect(fixture.bus.load(Fixture.table + offset, count: count) == ones(count))
        #expect(fixture.bus.load(Fixture.table + 12) == 1)
        fixture.set(0)
        fixture.bus.store(0, Fixture.table + offset, count: count)
        #expect(fixture.bus.load(Fixture.table) == Fixture.message.address)
        #expect(fixture.bus.load(Fixture.table + 8) == UInt64(Fixture.message.data))
    }

    @Test func everythingPastThePendingBitsIsZeroAndStaysSo() throws {
        let fixture = try Fixture()
        for offset in stride(from: UInt64(48), to: 4096, by: 8) {
            fixture.bus.store(.max, Fixture.table + offset, count: 8)
        }
        for offset in stride(from: UInt64(48), to: 4096, by: 8) {
            #expect(fixture.bus.load(Fixture.table + offset, count: 8) == 0)
        }
        fixture.vectors.startDelivery()
        fixture.setControl(0x8000)
        #expect(fixture.sink.takeBatches() == [])
    }

    @Test func nothingIsHandedOverBeforeDeliveryStartsAndAllOfItThen() throws {
        let fixture = try Fixture()
        fixture.setControl(0xC000)
        fixture.set(0)
        fixture.set(2)
        fixture.set(2, isMasked: true)
        fixture.set(2)
        fixture.setControl(0x8000)
        #expect(fixture.sink.takeBatches() == [])

        fixture.vectors.startDelivery()
        #expect(
            fixture.sink.takeBatches() == [
                [.init(vector: 0, message: Fixture.message), .init(vector: 2, message: Fixture.message)]
            ])
    }

    @Test func liveChangesAreHandedOverOneByOne() throws {
        let fixture = try Fixture()
        fixture.set(1)
        fixture.setControl(0x8000)
        fixture.vectors.startDelivery()
        _ = fixture.sink.takeBatches()

        // As Linux moves a vector to another CPU.
        let moved = MSIX.Message(address: 0xFEE0_2000, data: 0x4023)
        fixture.bus.store(1, Fixture.table + 16 + 12)
        fixture.set(1, moved)
        #expect(
            fixture.sink.takeBatches() == [
                [.init(vector: 1, message: nil)], [.init(vector: 1, message: moved)],
            ])
    }

    @Test func functionMaskAndEnableBitHoldForAllVectors() throws {
        let fixture = try Fixture()
        fixture.set(0)
        fixture.set(1)
        fixture.setControl(0x8000)
        fixture.vectors.startDelivery()
        _ = fixture.sink.takeBatches()
        let masked: [TestSink.Delivery] = [.init(vector: 0, message: nil), .init(vector: 1, message: nil)]
        let delivered = masked.map { TestSink.Delivery(vector: $0.vector, message: Fixture.message) }

        for value: UInt64 in [0xC000, 0x8000, 0x0000, 0x8000] { fixture.setControl(value) }
        #expect(fixture.sink.takeBatches() == [masked, delivered, masked, delivered])
        fixture.setControl(0x8000)
        #expect(fixture.sink.takeBatches() == [])
    }

    @Test func pendingBitsAreThoseOfMaskedVectorsThatWereSignalled() throws {
        let fixture = try Fixture(vectors: 70)
        fixture.set(0)
        fixture.setControl(0x8000)
        fixture.vectors.startDelivery()
        for vector in [0, 3, 69] { fixture.vectors.events[vector].counter.signal() }
        #expect(fixture.bus.load(fixture.pending, count: 8) == 0b1000)
        #expect(fixture.bus.load(fixture.pending + 8) == 1 << 5)
        #expect(fixture.bus.load(fixture.pending + 12) == 0)
        #expect(fixture.bus.load(fixture.pending, count: 8) == 0b1000, "reading took the bits")
    }

    @Test func stoppedDeliveryForgetsWhatIsPendingAndKeepsChanges() throws {
        let fixture = try Fixture()
        fixture.setControl(0x8000)
        fixture.vectors.startDelivery()
        fixture.vectors.events[0].counter.signal()
        fixture.vectors.stopDelivery()
        #expect(fixture.bus.load(fixture.pending) == 0)
        fixture.set(0)
        #expect(fixture.sink.takeBatches() == [])
        fixture.vectors.startDelivery()
        #expect(fixture.sink.takeBatches() == [[.init(vector: 0, message: Fixture.message)]])
    }

    /// A vCPU that is late may still write to the table of a function that has gone.
    @Test func closedVectorsAreDeliveredNoMore() throws {
        let fixture = try Fixture()
        fixture.setControl(0x8000)
        fixture.set(0)
        fixture.set(2)
        fixture.vectors.startDelivery()
        _ = fixture.sink.takeBatches()
        fixture.vectors.close()
        #expect(
            fixture.sink.takeBatches() == [[.init(vector: 0, message: nil), .init(vector: 2, message: nil)]])
        #expect(fixture.sink.closings == 1)
        fixture.vectors.close()
        fixture.vectors.startDelivery()
        fixture.set(1)
        fixture.setControl(0)
        fixture.setControl(0x8000)
        #expect(fixture.sink.takeBatches() == [])
        #expect(fixture.sink.closings == 1)
    }
}
