import CLinux
import Linux

extension InterruptRoute {
    /// What `createInterruptController()` sets up, and what a table that replaces it must repeat: GSI n goes to pin n of
    /// the I/O APIC, and up to 15 to the PICs as well.
    public static let initialPins: [(gsi: UInt32, route: InterruptRoute)] =
        (0..<24).map { ($0, .pin(chip: UInt32(KVM_IRQCHIP_IOAPIC), pin: $0)) }
        + (0..<8).map { ($0, .pin(chip: UInt32(KVM_IRQCHIP_PIC_MASTER), pin: $0)) }
        + (0..<8).map { ($0 + 8, .pin(chip: UInt32(KVM_IRQCHIP_PIC_SLAVE), pin: $0)) }
}

extension VirtualMachine {
    /// Keeps three pages for KVM's own use on Intel processors that cannot run real mode natively
    /// (`KVM_SET_TSS_ADDR`, `KVM_SET_IDENTITY_MAP_ADDR`); call it before there are vCPUs.
    ///
    /// - Parameters:
    ///   - tss: guest address of three pages that hold neither memory nor devices, below 4 GiB.
    ///   - identityMap: guest address of one more such page.
    public func reserveRealModePages(tss: UInt64, identityMap: UInt64) throws(KVMError) {
        var identityMap = identityMap
        try control(
            descriptor, kKVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", &identityMap, on: "virtual machine")
        try control(descriptor, kKVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", argument: UInt(tss), on: "virtual machine")
    }

    /// Puts the I/O APIC, the PICs and a local APIC for each vCPU into the kernel (`KVM_CREATE_IRQCHIP`);
    /// call it before there are vCPUs.
    public func createInterruptController() throws(KVMError) {
        try control(descriptor, kKVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", on: "virtual machine")
    }
}
