import PCI

extension ConfigurationSpace.Identity {
    /// What a modern virtio device of `type` is on a PCI bus (virtio 1.3 §4.1.2).
    init(_ type: DeviceType) {
        let device = 0x1040 + type.rawValue
        self.init(
            vendor: Self.virtioVendor, device: device, revision: 1, classCode: type.classCode,
            subsystemVendor: Self.virtioVendor, subsystem: device)
    }

    private static let virtioVendor: UInt16 = 0x1AF4
}

extension DeviceType {
    /// The nearest class of PCI devices (PCI Code and ID Assignment Specification 1.16 §1).
    fileprivate var classCode: UInt32 {
        switch self {
        case .net: 0x02_0000
        case .block, .fileSystem: 0x01_8000
        case .console: 0x07_8000
        case .vsock: 0x02_8000
        case .entropy, .balloon: 0xFF_0000
        }
    }
}
