/// Offsets of the registers of virtio over MMIO (virtio 1.3 §4.2.2, table "MMIO Device Register Layout").
enum MMIORegister {
    static let magicValue = 0x000
    static let version = 0x004
    static let deviceID = 0x008
    static let vendorID = 0x00C
    static let deviceFeatures = 0x010
    static let deviceFeaturesSelect = 0x014
    static let driverFeatures = 0x020
    static let driverFeaturesSelect = 0x024
    static let queueSelect = 0x030
    static let queueSizeMaximum = 0x034
    static let queueSize = 0x038
    static let queueReady = 0x044
    static let queueNotify = 0x050
    static let interruptStatus = 0x060
    static let interruptAcknowledge = 0x064
    static let status = 0x070
    static let queueDescriptorLow = 0x080
    static let queueDescriptorHigh = 0x084
    static let queueDriverLow = 0x090
    static let queueDriverHigh = 0x094
    static let queueDeviceLow = 0x0A0
    static let queueDeviceHigh = 0x0A4
    static let sharedMemoryLengthLow = 0x0B0
    static let sharedMemoryLengthHigh = 0x0B4
    static let sharedMemoryBaseLow = 0x0B8
    static let sharedMemoryBaseHigh = 0x0BC
    static let configurationGeneration = 0x0FC
    static let configuration = 0x100
}
