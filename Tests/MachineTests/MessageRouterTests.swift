import CLinux
import Glibc
import KVM
import Linux
import PCI
import Testing

@testable import Machine

/// Whether this host's KVM can be used at all.
private let canUseKVM = access("/dev/kvm", R_OK | W_OK) == 0

/// Vectors of devices, from a guest's writes to the MSI-X table to its local APIC.
@Suite(.enabled(if: canUseKVM, "this host has no /dev/kvm that this user may open"))
struct MessageRouterTests {
    /// A machine with a vCPU whose local APIC takes interrupts, and a function with vectors.
    private struct Fixture: ~Copyable {
        static let table: UInt64 = UInt64(Layout.pciMemory.lowerBound)

        let wiring: MachineWiring
        let vcpu: VCPU
        let events: EventLog
        let bus = Bus(memory32: Layout.pciMemory)
        let vectors: MSIX
        let router: MessageRouter

        init(vectors count: Int) throws {
            let system = try System()
            let vm = try system.createVirtualMachine()
            try vm.reserveRealModePages(tss: Layout.taskState, identityMap: Layout.identityMap)
            try vm.createInterruptController()
            let vcpu = try vm.createVCPU(id: 0)
            try vcpu.setCPUID(try system.supportedCPUID())
            var apic = try vcpu.localAPIC()
            withUnsafeMutableBytes(of: &apic) { $0.storeBytes(of: 0x1FF, toByteOffset: 0xF0, as: UInt32.self) }
            try vcpu.setLocalAPIC(apic)

            let wiring = MachineWiring(vm)
            let events = try EventLog()
            let router = MessageRouter(wiring, events: events)
            // Another device's, so that GSIs and vectors differ.
            _ = try router.makeVectors(count: 3, name: "other")
            let vectors = try router.makeVectors(count: count, name: "test")
            let address = try bus.attach(
                Idle(), configuration: ConfigurationSpace(.init(vendor: 1, device: 2, classCode: 0)), regions: [],
                msix: (vectors, 0))
            self.wiring = wiring
            self.vcpu = vcpu
            self.events = events
            self.vectors = vectors
            self.router = router
            enable(address)
        }

        func enable(_ address: FunctionAddress) {
            write(UInt16(2), configuration: 0x04, of: address)
            write(UInt16(0x8000), configuration: 0x42, of: address)
        }

        private func write(_ value: UInt16, configuration offset: Int, of address: FunctionAddress) {
            withUnsafeBytes(of: value) { bus.writeConfiguration(of: address, at: offset, bytes: $0) }
        }

        private func store(_ value: UInt32, _ address: UInt64) {
            withUnsafeBytes(of: value) { _ = bus.write(at: address, bytes: $0) }
        }

        func set(_ vector: Int, toInterrupt interrupt: UInt32, table: UInt64 = Self.table) {
            let entry = table + 16 * UInt64(vector)
            store(0xFEE0_0000, entry)
            store(interrupt, entry + 8)
            store(0, entry + 12)
        }

        func mask(_ vector: Int) { store(1, Self.table + 16 * UInt64(vector) + 12) }

        /// Whether an interrupt is requested at the local APIC, or comes to be within a second.
        func isRequested(_ interrupt: UInt32, patience milliseconds: Int = 60_000) throws -> Bool {
            for _ in 0..<milliseconds {
                let apic = try vcpu.localAPIC()
                let word = withUnsafeBytes(of: apic) {
                    $0.loadUnaligned(fromByteOffset: 0x200 + 0x10 * Int(interrupt / 32), as: UInt32.self)
                }
                if word & 1 << (interrupt % 32) != 0 { return true }
                usleep(1000)
            }
            return false
        }
    }

    private final class Idle: Function {
        func read(region: Int, offset: UInt64, into bytes: UnsafeMutableRawBufferPointer) {}
        func write(region: Int, offset: UInt64, bytes: UnsafeRawBufferPointer) {}
    }

    @Test func signalsComeAsTheMessagesOfTheirVectors() throws {
        let fixture = try Fixture(vectors: 2)
        fixture.set(0, toInterrupt: 0x51)
        fixture.set(1, toInterrupt: 0x92)
        fixture.vectors.startDelivery()
        fixture.vectors.events[1].counter.signal()
        #expect(try fixture.isRequested(0x92))
        #expect(try !fixture.isRequested(0x51, patience: 10))
        fixture.vectors.events[0].counter.signal()
        #expect(try fixture.isRequested(0x51))
        #expect(fixture.events.reports == [])
    }

    @Test func maskedSignalComesWithItsLatestMessageOnceUnmasked() throws {
        let fixture = try Fixture(vectors: 1)
        fixture.set(0, toInterrupt: 0x51)
        fixture.vectors.startDelivery()
        fixture.mask(0)
        fixture.vectors.events[0].counter.signal()
        #expect(try !fixture.isRequested(0x51, patience: 20))
        fixture.set(0, toInterrupt: 0x72)
        #expect(try fixture.isRequested(0x72))
        #expect(try !fixture.isRequested(0x51, patience: 10))
        #expect(fixture.events.reports == [])
    }

    @Test func pinsStayRoutedBesideMessages() throws {
        let fixture = try Fixture(vectors: 1)
        fixture.set(0, toInterrupt: 0x51)
        fixture.vectors.startDelivery()
        let routes = InterruptRoute.initialPins
        #expect(Set(routes.map(\.gsi)) == Set(0..<24))
        #expect(routes.count == 40)
        try fixture.wiring.vm.setInterruptLine(gsi: 4, high: true)
        try fixture.wiring.vm.setInterruptLine(gsi: 4, high: false)
    }

    @Test func messagesThatNobodyTakesAreHarmless() throws {
        let fixture = try Fixture(vectors: 1)
        fixture.vectors.startDelivery()
        for value: UInt32 in [0, 0xFFFF_FFFF, 0x0000_0700, 0x8000_00FF] {
            fixture.set(0, toInterrupt: value)
            fixture.vectors.events[0].counter.signal()
            fixture.mask(0)
        }
        fixture.set(0, toInterrupt: 0x51)
        fixture.vectors.events[0].counter.signal()
        #expect(try fixture.isRequested(0x51))
        #expect(fixture.events.reports == [])
    }

    /// Twenty times as many vectors as there can be at a time, and those of another device in their midst.
    @Test func vectorsThatAreGivenBackAreUsedAgain() throws {
        let fixture = try Fixture(vectors: 1)
        fixture.set(0, toInterrupt: 0x51)
        fixture.vectors.startDelivery()
        for _ in 0..<400 {
            let vectors = try fixture.router.makeVectors(count: 200, name: "short-lived")
            vectors.close()
        }
        #expect(throws: SystemCallError.self) { try fixture.router.makeVectors(count: 4096, name: "too many") }
        let vectors = try fixture.router.makeVectors(count: 200, name: "short-lived")
        let address = try fixture.bus.attach(
            Idle(), configuration: ConfigurationSpace(.init(vendor: 1, device: 2, classCode: 0)), regions: [],
            msix: (vectors, 0))
        #expect(fixture.router.routeCount == 1)
        fixture.enable(address)
        let table = Fixture.table + 0x1000
        for vector in 0..<200 { fixture.set(vector, toInterrupt: 0x52, table: table) }
        vectors.startDelivery()
        #expect(fixture.router.routeCount == 201)
        vectors.close()
        #expect(fixture.router.routeCount == 1)

        vectors.events[199].counter.signal()
        #expect(try !fixture.isRequested(0x52, patience: 20))
        fixture.vectors.events[0].counter.signal()
        #expect(try fixture.isRequested(0x51))
        #expect(fixture.events.reports == [])
    }
}
