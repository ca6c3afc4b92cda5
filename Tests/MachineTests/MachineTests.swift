import Glibc
import KVM
import Linux
import Machine
import MachineConfiguration
import Testing

/// Whether this host's KVM can be used at all.
private let canUseKVM = access("/dev/kvm", R_OK | W_OK) == 0

@Suite(.enabled(if: canUseKVM, "this host has no /dev/kvm that this user may open"))
struct MachineTests {
    /// A machine that is to boot a bare-metal payload of `firmware/`.
    private func machine(_ payload: String, cpus: Int = 1) throws -> Machine {
        let directory = getenv("SWIFTLET_FIRMWARE").map { String(cString: $0) } ?? ".build/firmware"
        var configuration = VMConfiguration(kernel: .init(path: "\(directory)/\(payload).elf"))
        configuration.cpus = cpus
        configuration.memory = ByteSize(bytes: 64 << 20)
        return try Machine(try System(), try MachinePlan(configuration, cache: nil))
    }

    /// Waits until `isTrue`, a minute at most.
    private func awaits(_ isTrue: () -> Bool) -> Bool {
        for _ in 0..<60_000 {
            if isTrue() { return true }
            usleep(1000)
        }
        return false
    }

    @Test func pausedGuestMakesNoExitUntilItIsResumed() throws {
        // Without a console's thread its output stalls, and it polls the serial port for ever.
        let machine = try machine("flood", cpus: 2)
        try machine.start()
        #expect(awaits { machine.exitCount(.serialRead) > 100 })

        for _ in 0..<20 {
            #expect(machine.pause())
            let atPause = machine.exitCount(.serialRead)
            usleep(5000)
            #expect(machine.exitCount(.serialRead) == atPause)
            machine.resume()
            #expect(awaits { machine.exitCount(.serialRead) > atPause })
        }

        machine.end(.killed(.user))
        machine.join()
        #expect(machine.outcome == .killed(.user))
    }

    @Test(arguments: ["spin", "halt"])
    func machineEndsFromOutsideWhateverItsGuestDoes(payload: String) throws {
        let machine = try machine(payload)
        try machine.start()
        usleep(10_000)
        machine.end(.killed(.timeLimit))
        machine.join()
        #expect(machine.outcome == .killed(.timeLimit))
    }

    @Test func pausedMachineCanBeEnded() throws {
        let machine = try machine("spin", cpus: 2)
        try machine.start()
        #expect(machine.pause())
        machine.end(.killed(.user))
        #expect(!machine.pause())
        machine.join()
    }

    @Test func firstOutcomeIsTheOutcome() throws {
        let machine = try machine("hello")
        try machine.start()
        #expect(awaits { machine.events.outcome != nil })
        machine.end(.killed(.user))
        machine.join()
        #expect(machine.outcome == .poweredOff(code: 0))
    }

    @Test func machineThatNeverStartedCanBeJoined() throws {
        let machine = try machine("hello")
        machine.end(.killed(.user))
        machine.join()
    }

    @Test func milestonesComeInTheirOrder() throws {
        let machine = try machine("milestones")
        try machine.start()
        #expect(awaits { machine.events.outcome != nil })
        machine.join()
        let milestones = machine.events.milestones
        #expect(
            milestones.map(\.kind) == [
                .filesChecked, .machineReady, .started, .guest(1), .guest(2), .guest(3), .ended,
            ])
        #expect(zip(milestones, milestones.dropFirst()).allSatisfy { $0.time <= $1.time })
    }
}
