import Boot
import CLinux
import KVM

/// Makes the vCPUs of a machine: the first ready to enter the kernel, the others waiting to be started by it.
struct VCPUFactory {
    private let cpuid: GuestCPUID

    init(_ system: borrowing System, vcpuCount: Int) throws(KVMError) {
        cpuid = GuestCPUID(
            supported: try system.supportedCPUID(), vcpuCount: vcpuCount,
            hasTSCDeadlineTimer: try system.check(.tscDeadlineTimer) > 0)
    }

    func makeVCPUs(of vm: borrowing VirtualMachine, entry: EntryState) throws(KVMError) -> [VCPUThread] {
        var vcpus: [VCPUThread] = []
        for id in 0..<cpuid.vcpuCount {
            let vcpu = try vm.createVCPU(id: id)
            try vcpu.setCPUID(cpuid.entries(vcpu: id))
            try vcpu.setMSRs(Self.initialMSRs)
            if id == 0 { try Self.enter(entry, vcpu) }
            vcpus.append(VCPUThread(vcpu: vcpu))
        }
        return vcpus
    }

    /// Memory types as firmware leaves them: everything is write-back unless the page tables say otherwise
    /// (`IA32_MTRR_DEF_TYPE`, Intel SDM 3A §12.11.2.1).
    private static let initialMSRs = [MSR(index: 0x2FF, value: 1 << 11 | 6)]

    private static func enter(_ entry: EntryState, _ vcpu: borrowing VCPU) throws(KVMError) {
        var special = try vcpu.specialRegisters()
        special.setSegments(code: kvm_segment(entry.code), data: kvm_segment(entry.data))
        special.tr = kvm_segment(entry.task)
        special.gdt = kvm_dtable(base: entry.descriptorTableBase, limit: entry.descriptorTableLimit, padding: (0, 0, 0))
        special.cr0 = ControlRegister.protection | ControlRegister.extensionType
        if case .long64(let pageTableRoot) = entry.mode {
            special.cr0 |= ControlRegister.paging
            special.cr3 = pageTableRoot
            special.cr4 = ControlRegister.physicalAddressExtension
            special.efer = ControlRegister.longModeEnable | ControlRegister.longModeActive
        }
        try vcpu.setSpecialRegisters(special)

        var general = kvm_regs()
        general.rip = entry.instructionPointer
        general.rbx = entry.rbx
        general.rsi = entry.rsi
        general.rflags = entry.flags
        try vcpu.setRegisters(general)
    }
}
