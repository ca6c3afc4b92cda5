import CLinux

/// A KVM extension, by the name the kernel's API document gives it (`KVM_CHECK_EXTENSION`).
public struct Capability: Sendable, Equatable {
    public let name: String
    let number: CInt

    public static let userMemory = Capability(name: "KVM_CAP_USER_MEMORY", number: KVM_CAP_USER_MEMORY)
    public static let interruptController = Capability(name: "KVM_CAP_IRQCHIP", number: KVM_CAP_IRQCHIP)
    public static let interruptRouting = Capability(name: "KVM_CAP_IRQ_ROUTING", number: KVM_CAP_IRQ_ROUTING)
    public static let irqfd = Capability(name: "KVM_CAP_IRQFD", number: KVM_CAP_IRQFD)
    public static let ioeventfd = Capability(name: "KVM_CAP_IOEVENTFD", number: KVM_CAP_IOEVENTFD)
    public static let signalMSI = Capability(name: "KVM_CAP_SIGNAL_MSI", number: KVM_CAP_SIGNAL_MSI)
    public static let immediateExit = Capability(name: "KVM_CAP_IMMEDIATE_EXIT", number: KVM_CAP_IMMEDIATE_EXIT)
    public static let multiprocessorState = Capability(name: "KVM_CAP_MP_STATE", number: KVM_CAP_MP_STATE)
    public static let recommendedVCPUs = Capability(name: "KVM_CAP_NR_VCPUS", number: KVM_CAP_NR_VCPUS)
    public static let maximumVCPUs = Capability(name: "KVM_CAP_MAX_VCPUS", number: KVM_CAP_MAX_VCPUS)
    public static let memorySlots = Capability(name: "KVM_CAP_NR_MEMSLOTS", number: KVM_CAP_NR_MEMSLOTS)
}
