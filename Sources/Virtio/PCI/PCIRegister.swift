/// Offsets in the common configuration structure (virtio 1.3 §4.1.4.3).
enum PCICommonRegister {
    static let deviceFeatureSelect = 0x00
    static let deviceFeature = 0x04
    static let driverFeatureSelect = 0x08
    static let driverFeature = 0x0C
    static let configurationVector = 0x10
    static let queueCount = 0x12
    static let deviceStatus = 0x14
    static let configurationGeneration = 0x15
    static let queueSelect = 0x16
    static let queueSize = 0x18
    static let queueVector = 0x1A
    static let queueEnable = 0x1C
    static let queueNotifyOffset = 0x1E
    static let queueDescriptorLow = 0x20
    static let queueDescriptorHigh = 0x24
    static let queueDriverLow = 0x28
    static let queueDriverHigh = 0x2C
    static let queueDeviceLow = 0x30
    static let queueDeviceHigh = 0x34
    /// What follows belongs to features that are not offered.
    static let end = 0x38

    /// The width of the register at `offset`, the only one it is accessed in; nil where none begins. The halves of 64-bit
    /// fields are registers of their own (§4.1.3.1).
    static func width(at offset: Int) -> Int? {
        switch offset {
        case deviceStatus, configurationGeneration: 1
        case configurationVector, queueCount, queueSelect, queueSize, queueVector, queueEnable, queueNotifyOffset: 2
        case 0..<end where offset.isMultiple(of: 4): 4
        default: nil
        }
    }
}

/// `VIRTIO_MSI_NO_VECTOR`: a cause that interrupts nobody, and the answer to a vector that cannot be (§4.1.5.1.2).
let noVector: UInt16 = 0xFFFF
