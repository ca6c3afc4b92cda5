/// Device types (virtio 1.3 §5).
enum VirtioType {
    static var net: UInt32 { 1 }
    static var block: UInt32 { 2 }
    static var console: UInt32 { 3 }
    static var entropy: UInt32 { 4 }
    static var balloon: UInt32 { 5 }
    static var vsock: UInt32 { 19 }

    /// What reports call a device type.
    static func name(_ type: UInt32) -> StaticString {
        switch type {
        case net: "net"
        case block: "block"
        case console: "console"
        case entropy: "entropy"
        case balloon: "balloon"
        case vsock: "vsock"
        default: "other"
        }
    }
}

/// Bits of the device status (virtio 1.3 §2.1).
enum VirtioStatus {
    static var acknowledge: UInt8 { 1 }
    static var driver: UInt8 { 2 }
    static var driverOK: UInt8 { 4 }
    static var featuresOK: UInt8 { 8 }
    static var needsReset: UInt8 { 64 }
}

/// Feature bits that all device types share (virtio 1.3 §6).
enum VirtioFeature {
    static var indirectDescriptors: UInt64 { 1 << 28 }
    static var eventIndex: UInt64 { 1 << 29 }
    static var version1: UInt64 { 1 << 32 }
}

/// A register that both transports have: its place among those of MMIO (virtio 1.3 §4.2.2, always 32 bits wide), and its
/// place and width in PCI's common configuration (§4.1.4.3).
struct VirtioRegister {
    let mmio: UInt
    let pci: UInt
    /// Bytes.
    let pciWidth: UInt8

    static var deviceFeaturesSelect: VirtioRegister { .init(mmio: 0x014, pci: 0x00, pciWidth: 4) }
    static var deviceFeatures: VirtioRegister { .init(mmio: 0x010, pci: 0x04, pciWidth: 4) }
    static var driverFeaturesSelect: VirtioRegister { .init(mmio: 0x024, pci: 0x08, pciWidth: 4) }
    static var driverFeatures: VirtioRegister { .init(mmio: 0x020, pci: 0x0C, pciWidth: 4) }
    static var status: VirtioRegister { .init(mmio: 0x070, pci: 0x14, pciWidth: 1) }
    static var configurationGeneration: VirtioRegister { .init(mmio: 0x0FC, pci: 0x15, pciWidth: 1) }
    static var queueSelect: VirtioRegister { .init(mmio: 0x030, pci: 0x16, pciWidth: 2) }
    /// Of PCI's queue size the device's maximum is what is read first.
    static var queueSizeMaximum: VirtioRegister { .init(mmio: 0x034, pci: 0x18, pciWidth: 2) }
    static var queueSize: VirtioRegister { .init(mmio: 0x038, pci: 0x18, pciWidth: 2) }
    static var queueEnable: VirtioRegister { .init(mmio: 0x044, pci: 0x1C, pciWidth: 2) }
    /// The low halves of addresses; the high ones follow.
    static var queueDescriptors: VirtioRegister { .init(mmio: 0x080, pci: 0x20, pciWidth: 4) }
    static var queueAvailable: VirtioRegister { .init(mmio: 0x090, pci: 0x28, pciWidth: 4) }
    static var queueUsed: VirtioRegister { .init(mmio: 0x0A0, pci: 0x30, pciWidth: 4) }

    var highHalf: VirtioRegister { .init(mmio: mmio + 4, pci: pci + 4, pciWidth: pciWidth) }
}

/// Registers that only PCI's common configuration has (virtio 1.3 §4.1.4.3), all 16 bits wide.
enum VirtioPCIRegister {
    static var configurationVector: UInt { 0x10 }
    static var queueCount: UInt { 0x12 }
    static var queueVector: UInt { 0x1A }
    static var queueNotifyOffset: UInt { 0x1E }

    static var noVector: UInt16 { 0xFFFF }
}
