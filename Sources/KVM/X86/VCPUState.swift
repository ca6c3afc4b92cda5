import CLinux
import Linux

extension VCPU {
    /// The general registers (`KVM_GET_REGS`).
    public func registers() throws(KVMError) -> kvm_regs {
        try get(kvm_regs(), kKVM_GET_REGS, "KVM_GET_REGS")
    }

    public func setRegisters(_ registers: kvm_regs) throws(KVMError) {
        try set(registers, kKVM_SET_REGS, "KVM_SET_REGS")
    }

    /// Segments, control registers and descriptor tables (`KVM_GET_SREGS`).
    public func specialRegisters() throws(KVMError) -> kvm_sregs {
        try get(kvm_sregs(), kKVM_GET_SREGS, "KVM_GET_SREGS")
    }

    public func setSpecialRegisters(_ registers: kvm_sregs) throws(KVMError) {
        try set(registers, kKVM_SET_SREGS, "KVM_SET_SREGS")
    }

    /// The x87 and SSE state (`KVM_SET_FPU`).
    public func setFloatingPoint(_ state: kvm_fpu) throws(KVMError) {
        try set(state, kKVM_SET_FPU, "KVM_SET_FPU")
    }

    /// The extended control registers (`KVM_GET_XCRS`).
    public func extendedControlRegisters() throws(KVMError) -> kvm_xcrs {
        try get(kvm_xcrs(), kKVM_GET_XCRS, "KVM_GET_XCRS")
    }

    public func setExtendedControlRegisters(_ registers: kvm_xcrs) throws(KVMError) {
        try set(registers, kKVM_SET_XCRS, "KVM_SET_XCRS")
    }

    /// The local APIC's registers (`KVM_GET_LAPIC`).
    public func localAPIC() throws(KVMError) -> kvm_lapic_state {
        try get(kvm_lapic_state(), kKVM_GET_LAPIC, "KVM_GET_LAPIC")
    }

    public func setLocalAPIC(_ state: kvm_lapic_state) throws(KVMError) {
        try set(state, kKVM_SET_LAPIC, "KVM_SET_LAPIC")
    }

    /// Whether the processor runs, halts or waits to be started (`KVM_GET_MP_STATE`).
    public func multiprocessorState() throws(KVMError) -> kvm_mp_state {
        try get(kvm_mp_state(), kKVM_GET_MP_STATE, "KVM_GET_MP_STATE")
    }

    public func setMultiprocessorState(_ state: kvm_mp_state) throws(KVMError) {
        try set(state, kKVM_SET_MP_STATE, "KVM_SET_MP_STATE")
    }

    /// Pending exceptions and interrupts (`KVM_GET_VCPU_EVENTS`).
    public func events() throws(KVMError) -> kvm_vcpu_events {
        try get(kvm_vcpu_events(), kKVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS")
    }

    public func setEvents(_ events: kvm_vcpu_events) throws(KVMError) {
        try set(events, kKVM_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS")
    }

    /// The extended processor state, as XSAVE lays it out (`KVM_GET_XSAVE2`).
    ///
    /// - Parameter size: what `Capability.xsave2` said for this host; on a host without it, 4096.
    public func extendedState(size: Int) throws(KVMError) -> [UInt8] {
        var state = [UInt8](repeating: 0, count: max(size, MemoryLayout<kvm_xsave>.size))
        let extended = size > MemoryLayout<kvm_xsave>.size
        _ = try state.withUnsafeMutableBufferPointer { bytes throws(KVMError) in
            try control(
                descriptor, extended ? kKVM_GET_XSAVE2 : kKVM_GET_XSAVE, extended ? "KVM_GET_XSAVE2" : "KVM_GET_XSAVE",
                UnsafeMutableRawPointer(bytes.baseAddress), on: subject)
        }
        return state
    }

    /// Restores what `extendedState(size:)` gave on a host with the same extended state (`KVM_SET_XSAVE`).
    public func setExtendedState(_ state: [UInt8]) throws(KVMError) {
        var state = state
        guard state.count >= MemoryLayout<kvm_xsave>.size else {
            throw KVMError("KVM_SET_XSAVE", on: subject, errno: .invalidArgument)
        }
        _ = try state.withUnsafeMutableBufferPointer { bytes throws(KVMError) in
            try control(
                descriptor, kKVM_SET_XSAVE, "KVM_SET_XSAVE", UnsafeMutableRawPointer(bytes.baseAddress), on: subject)
        }
    }

    /// The rate of the vCPU's time-stamp counter in kHz (`KVM_GET_TSC_KHZ`).
    public func timeStampCounterRate() throws(KVMError) -> Int {
        Int(try control(descriptor, kKVM_GET_TSC_KHZ, "KVM_GET_TSC_KHZ", on: subject))
    }

    /// The guest-physical address behind a linear one, as the vCPU's page tables have it; nil where they have
    /// none (`KVM_TRANSLATE`).
    public func translate(_ linearAddress: UInt64) -> UInt64? {
        var translation = kvm_translation()
        translation.linear_address = linearAddress
        guard let result = try? get(translation, kKVM_TRANSLATE, "KVM_TRANSLATE"), result.valid != 0 else { return nil }
        return result.physical_address
    }

    private func get<State: BitwiseCopyable>(
        _ empty: State, _ request: UInt, _ name: StaticString
    ) throws(KVMError) -> State {
        var state = empty
        try control(descriptor, request, name, &state, on: subject)
        return state
    }

    private func set<State: BitwiseCopyable>(
        _ state: State, _ request: UInt, _ name: StaticString
    ) throws(KVMError) {
        var state = state
        try control(descriptor, request, name, &state, on: subject)
    }
}
