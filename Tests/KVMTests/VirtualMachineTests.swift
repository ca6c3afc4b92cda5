import CLinux
import Glibc
import GuestMemory
import KVM
import Linux
import Synchronization
import Testing

/// Whether this host's KVM can be used at all; where it cannot, the tests that need it say so.
let canUseKVM = access("/dev/kvm", R_OK | W_OK) == 0

@Suite(.enabled(if: canUseKVM, "this host has no /dev/kvm that this user may open"))
struct VirtualMachineTests {
    /// A machine of 1 MiB with the interrupt controllers, and its first vCPU in flat protected mode.
    private struct Fixture: ~Copyable, Sendable {
        let system: System
        let vm: VirtualMachine
        let vcpu: VCPU
        let memory: GuestMemory

        /// - Parameter code: placed at and started from 0x1000.
        init(code: [UInt8] = [0xF4], logsDirtyPages: Bool = false) throws {
            let system = try System()
            let vm = try system.createVirtualMachine()
            let memory = try GuestMemory(size: 1 << 20, pages: .never)
            try memory.write(code, at: 0x1000)
            try vm.setMemoryRegion(
                slot: 0, guestAddress: 0, size: memory.size, hostAddress: memory.hostAddress(of: memory.regions[0]),
                logsDirtyPages: logsDirtyPages)
            try vm.reserveRealModePages(tss: 0xFFFB_D000, identityMap: 0xFFFB_C000)
            try vm.createInterruptController()
            let vcpu = try vm.createVCPU(id: 0)
            try vcpu.setCPUID(try system.supportedCPUID())

            var special = try vcpu.specialRegisters()
            special.cr0 = 0x11
            special.cs.base = 0
            (special.cs.selector, special.cs.type, special.cs.db, special.cs.g, special.cs.limit) = (8, 11, 1, 1, .max)
            (special.ds.db, special.ds.g, special.ds.limit) = (1, 1, .max)
            try vcpu.setSpecialRegisters(special)
            var registers = kvm_regs()
            registers.rip = 0x1000
            registers.rflags = 2
            try vcpu.setRegisters(registers)

            self.system = system
            self.vm = vm
            self.vcpu = vcpu
            self.memory = memory
        }
    }

    @Test func portWriteIsAnExitWithItsBytes() throws {
        // mov $0xf4, %dx; mov $42, %al; out %al, (%dx)
        let fixture = try Fixture(code: [0x66, 0xBA, 0xF4, 0x00, 0xB0, 42, 0xEE])
        guard case .portWrite(let port, let size, let bytes) = fixture.vcpu.run() else {
            Issue.record("not a port write")
            return
        }
        #expect(port == 0xF4)
        #expect(size == 1)
        #expect(Array(bytes) == [42])
    }

    @Test func whatAReadGetsReachesTheGuest() throws {
        // mov 0xd0000000, %eax; mov %eax, 0x2000; out %al, $0xf4
        let fixture = try Fixture(code: [
            0xA1, 0x00, 0x00, 0x00, 0xD0, 0xA3, 0x00, 0x20, 0x00, 0x00, 0xE6, 0xF4,
        ])
        guard case .memoryRead(let address, let bytes) = fixture.vcpu.run() else {
            Issue.record("not a memory read")
            return
        }
        #expect(address == 0xD000_0000)
        #expect(bytes.count == 4)
        bytes.copyBytes(from: [0x78, 0x56, 0x34, 0x12])
        guard case .portWrite = fixture.vcpu.run() else {
            Issue.record("not a port write")
            return
        }
        #expect(try fixture.memory.load(at: 0x2000, as: UInt32.self) == 0x1234_5678)
    }

    @Test func exitRequestStopsASpinningGuest() throws {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        sigaction(real_time_signal(), &action, nil)

        let spinner = Spinner(try Fixture(code: [0xEB, 0xFE]))
        let thread = try NativeThread(name: "spinner") { spinner.run() }
        usleep(20_000)
        spinner.fixture.vcpu.requestExit()
        thread.send(signal: real_time_signal())
        thread.join()
        let wasInterrupted = spinner.wasInterrupted.load(ordering: .acquiring)
        #expect(wasInterrupted)
    }

    private final class Spinner: Sendable {
        let fixture: Fixture
        let wasInterrupted = Atomic(false)

        init(_ fixture: consuming Fixture) {
            self.fixture = fixture
        }

        func run() {
            // Threads of the test's own may have it blocked.
            SignalSet([real_time_signal()]).unblock()
            if case .interrupted = fixture.vcpu.run() { wasInterrupted.store(true, ordering: .releasing) }
        }
    }

    @Test func boundWritesSignalWithoutAnExit() throws {
        // movl $7, 0xd0000050; out %al, $0xf4
        let fixture = try Fixture(code: [0xC7, 0x05, 0x50, 0x00, 0x00, 0xD0, 7, 0, 0, 0, 0xE6, 0xF4])
        let event = try EventCounter()
        try fixture.vm.bind(event, toWritesAt: 0xD000_0050, size: 4, value: 7)
        guard case .portWrite = fixture.vcpu.run() else {
            Issue.record("the bound write made an exit")
            return
        }
        let signalled = event.drain()
        #expect(signalled)
    }

    @Test func unboundWritesAreExitsAgain() throws {
        // movl $7, 0xd0000050; out %al, $0xf4
        let fixture = try Fixture(code: [0xC7, 0x05, 0x50, 0x00, 0x00, 0xD0, 7, 0, 0, 0, 0xE6, 0xF4])
        let event = try EventCounter()
        try fixture.vm.bind(event, toWritesAt: 0xD000_0050, size: 4, value: nil)
        try fixture.vm.unbind(event, fromWritesAt: 0xD000_0050, size: 4, value: nil)
        guard case .memoryWrite(address: 0xD000_0050, _) = fixture.vcpu.run() else {
            Issue.record("the write made no exit")
            return
        }
        #expect(throws: KVMError.self) {
            try fixture.vm.unbind(event, fromWritesAt: 0xD000_0050, size: 4, value: nil)
        }
    }

    @Test func signalsOfAnUnboundInterruptWaitUntilItIsBoundAgain() throws {
        let fixture = try Fixture()
        let event = try EventCounter()
        var state = try fixture.vcpu.localAPIC()
        setLocalAPICRegister(&state, 0xF0, 0x1FF)
        try fixture.vcpu.setLocalAPIC(state)
        func isRequested(_ vector: UInt32) throws -> Bool {
            let word = localAPICRegister(try fixture.vcpu.localAPIC(), 0x200 + 0x10 * Int(vector / 32))
            return word & 1 << (vector % 32) != 0
        }
        func isSoonRequested(_ vector: UInt32) throws -> Bool {
            for _ in 0..<60_000 {
                if try isRequested(vector) { return true }
                usleep(1000)
            }
            return false
        }

        try fixture.vm.setInterruptRoutes([(gsi: 24, route: .message(address: 0xFEE0_0000, data: 0x51))])
        try fixture.vm.bind(event, toInterrupt: 24)
        event.signal()
        #expect(try isSoonRequested(0x51))

        try fixture.vm.unbind(event, fromInterrupt: 24)
        try fixture.vm.setInterruptRoutes([(gsi: 24, route: .message(address: 0xFEE0_0000, data: 0x72))])
        event.signal()
        usleep(20_000)
        #expect(try !isRequested(0x72))
        let isSignalled = event.isSignalled
        #expect(isSignalled)
        try fixture.vm.bind(event, toInterrupt: 24)
        #expect(try isSoonRequested(0x72))
    }

    private func localAPICRegister(_ state: kvm_lapic_state, _ offset: Int) -> UInt32 {
        withUnsafeBytes(of: state) { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    }

    private func setLocalAPICRegister(_ state: inout kvm_lapic_state, _ offset: Int, _ value: UInt32) {
        withUnsafeMutableBytes(of: &state) { $0.storeBytes(of: value, toByteOffset: offset, as: UInt32.self) }
    }

    @Test func interruptRoutesAndLinesAreTaken() throws {
        let fixture = try Fixture()
        let event = try EventCounter()
        try fixture.vm.setInterruptRoutes([
            (gsi: 4, route: .pin(chip: 2, pin: 4)), (gsi: 24, route: .message(address: 0xFEE0_0000, data: 0x4031)),
        ])
        try fixture.vm.bind(event, toInterrupt: 24)
        try fixture.vm.setInterruptLine(gsi: 4, high: true)
        try fixture.vm.setInterruptLine(gsi: 4, high: false)
    }

    @Test func dirtyLogNamesTheWrittenPage() throws {
        // movl $1, 0x5000; out %al, $0xf4
        let fixture = try Fixture(
            code: [0xC7, 0x05, 0x00, 0x50, 0x00, 0x00, 1, 0, 0, 0, 0xE6, 0xF4], logsDirtyPages: true)
        _ = try fixture.vm.dirtyLog(slot: 0, size: 1 << 20)
        _ = fixture.vcpu.run()
        let log = try fixture.vm.dirtyLog(slot: 0, size: 1 << 20)
        #expect(log.count == 4)
        #expect(log[0] & 1 << 5 != 0)
        #expect(log[1] == 0)
    }

    @Test func stateThatWasReadCanBeWrittenBack() throws {
        let fixture = try Fixture()
        let size = try fixture.system.check(.xsave2)
        try fixture.vcpu.setExtendedState(try fixture.vcpu.extendedState(size: size))
        try fixture.vcpu.setExtendedControlRegisters(try fixture.vcpu.extendedControlRegisters())
        try fixture.vcpu.setLocalAPIC(try fixture.vcpu.localAPIC())
        try fixture.vcpu.setEvents(try fixture.vcpu.events())
        try fixture.vcpu.setMultiprocessorState(try fixture.vcpu.multiprocessorState())
        let rate = try fixture.vcpu.timeStampCounterRate()
        #expect(rate > 100_000)
    }

    @Test func refusedRegisterIsNamed() throws {
        let fixture = try Fixture()
        do {
            try fixture.vcpu.setMSRs([MSR(index: 0xDEAD_BEEF, value: 1)])
            Issue.record("register 0xdeadbeef was written")
        } catch {
            #expect(error.description.contains("0xdeadbeef"))
        }
    }

    @Test func registersKeepTheirValues() throws {
        let fixture = try Fixture()
        let listed = try fixture.system.msrIndices()
        let sysenter: UInt32 = 0x175
        #expect(listed.contains(sysenter))
        try fixture.vcpu.setMSRs([MSR(index: sysenter, value: 0x1234_5000)])
        let read = try fixture.vcpu.msrs([sysenter])
        #expect(read == [MSR(index: sysenter, value: 0x1234_5000)])
    }

    @Test func tooManyVCPUsIsASentence() throws {
        let fixture = try Fixture()
        let limit = try fixture.system.maximumVCPUCount
        do {
            _ = try fixture.vm.createVCPU(id: limit)
            Issue.record("made vCPU \(limit)")
        } catch {
            #expect(error.description.contains("at most \(limit)"))
        }
    }
}
