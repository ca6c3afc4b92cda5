import CLinux

extension Capability {
    public static let tssAddress = Capability(name: "KVM_CAP_SET_TSS_ADDR", number: KVM_CAP_SET_TSS_ADDR)
    public static let extendedCPUID = Capability(name: "KVM_CAP_EXT_CPUID", number: KVM_CAP_EXT_CPUID)
    public static let tscDeadlineTimer = Capability(
        name: "KVM_CAP_TSC_DEADLINE_TIMER", number: KVM_CAP_TSC_DEADLINE_TIMER)
    public static let xsave = Capability(name: "KVM_CAP_XSAVE", number: KVM_CAP_XSAVE)
    /// Its number is the size in bytes of the largest extended state of a vCPU.
    public static let xsave2 = Capability(name: "KVM_CAP_XSAVE2", number: KVM_CAP_XSAVE2)
}
