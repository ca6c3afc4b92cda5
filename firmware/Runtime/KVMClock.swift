import Instructions

/// How long the time stamp counter's cycles are, as KVM's paravirtual clock tells (Linux
/// Documentation/virt/kvm/x86/msr.rst, `struct pvclock_vcpu_time_info`).
struct KVMClock {
    private let multiplier: UInt32
    private let shift: Int8

    /// Ends the VM with status 207 when the hypervisor has no such clock.
    init(_ arena: inout Arena) {
        let features: UInt32 = 0x4000_0001
        let clocksource2: UInt32 = 1 << 3
        let systemTimeMSR: UInt32 = 0x4B56_4D01
        let enable: UInt64 = 1
        require(cpuid(features, 0).eax & clocksource2 != 0, "the hypervisor has no paravirtual clock", status: 207)

        let page = arena.allocate(4096)
        page.initializeMemory(as: UInt8.self, repeating: 0, count: 32)
        wrmsr(systemTimeMSR, page.physical | enable)
        let isThere = Deadline(megacycles: 8000).wait {
            compiler_barrier()
            return page.load(as: UInt32.self) & 1 == 0 && page.load(fromByteOffset: 24, as: UInt32.self) != 0
        }
        require(isThere, "the paravirtual clock does not start", status: 207)
        multiplier = page.load(fromByteOffset: 24, as: UInt32.self)
        shift = page.load(fromByteOffset: 28, as: Int8.self)
        wrmsr(systemTimeMSR, 0)
    }

    func nanoseconds(_ cycles: UInt64) -> UInt64 {
        let shifted = shift >= 0 ? cycles << UInt64(shift) : cycles >> UInt64(-Int(shift))
        let product = shifted.multipliedFullWidth(by: UInt64(multiplier))
        return product.high << 32 | product.low >> 32
    }
}
