import Boot
import CLinux
import GuestMemory
import KVM
import Linux

/// Measures how fast this host's KVM runs kernel-mode code: hardware virtualisation runs it natively, a
/// software KVM interprets it.
public struct SpeedProbe {
    /// Kernel-mode instructions a second, in a loop of register arithmetic.
    public let instructionsPerSecond: Double

    /// Under the tenth part of what the slowest processor with hardware virtualisation does, and ten times
    /// what an interpreter does.
    static let interpretedBelow: Double = 50_000_000

    public var isInterpreted: Bool { instructionsPerSecond < Self.interpretedBelow }

    /// Runs the loop in a guest of its own, some ten milliseconds long.
    ///
    /// - Throws: `KVMError` or `GuestMemoryError` when the guest cannot be made, `SpeedProbeError` when it
    ///   does not run to its end.
    public init(_ system: borrowing System) throws {
        let memory = try GuestMemory(size: 64 << 10, pages: .never)
        let vm = try system.createVirtualMachine()
        try vm.setMemoryRegion(
            slot: 0, guestAddress: 0, size: memory.size, hostAddress: memory.hostAddress(of: memory.regions[0]))
        try vm.reserveRealModePages(tss: Layout.taskState, identityMap: Layout.identityMap)
        try memory.write(Self.loop, at: Self.codeAddress)

        let vcpu = try vm.createVCPU(id: 0)
        var special = try vcpu.specialRegisters()
        special.setSegments(code: kvm_segment(.code32), data: kvm_segment(.data))
        special.cr0 = ControlRegister.protection | ControlRegister.extensionType
        try vcpu.setSpecialRegisters(special)

        // The first run pays for the host's page tables; a second one, longer where there is time, counts.
        let first = try Self.time(vcpu, iterations: 10_000)
        let iterations: UInt64 = first < 1_000_000 ? 2_000_000 : 10_000
        let nanoseconds = try Self.time(vcpu, iterations: iterations)
        instructionsPerSecond = Double(iterations * 2) * 1e9 / Double(nanoseconds)
    }

    private static let codeAddress: UInt64 = 0x1000
    /// `again: dec %ecx; jnz again; hlt`, in 32-bit code.
    private static let loop: [UInt8] = [0x49, 0x75, 0xFD, 0xF4]

    private static func time(_ vcpu: borrowing VCPU, iterations: UInt64) throws -> UInt64 {
        var registers = kvm_regs()
        registers.rip = codeAddress
        registers.rcx = iterations
        registers.rflags = 2
        try vcpu.setRegisters(registers)
        let start = monotonicNanoseconds()
        while true {
            switch vcpu.run() {
            case .halted: return max(monotonicNanoseconds() - start, 1)
            case .interrupted: continue
            case let exit: throw SpeedProbeError(exit: "\(exit)")
            }
        }
    }
}

/// The measuring guest ended in a way its code has not got.
public struct SpeedProbeError: Error, CustomStringConvertible {
    let exit: String

    public var description: String { "a guest of three instructions ended with '\(exit)' instead of halting" }
}
