import PCI

/// The parts of a device's registers, each with a page of the one memory region, and the capabilities by which a
/// driver finds them (virtio 1.3 §4.1.4).
enum PCIStructure: UInt8, CaseIterable {
    // The raw value is the capability's `cfg_type`.
    case common = 1
    case notify = 2
    case interruptStatus = 3
    case device = 4

    /// The base address registers of the region and of the MSI-X table.
    static let register = 0
    static let vectorsRegister = 1

    static let region = MemoryRegion(register: register, size: 0x4000)
    private static let size: UInt64 = 0x1000

    /// Bytes between the notification addresses of two queues.
    static let notifyMultiplier: UInt64 = 4
    /// Of the capability through which a driver without memory accesses reaches the region (§4.1.4.9).
    static let configurationAccessType: UInt8 = 5

    /// From the region's start.
    var offset: UInt64 {
        switch self {
        case .common: 0
        case .interruptStatus: Self.size
        case .device: 2 * Self.size
        case .notify: 3 * Self.size
        }
    }

    /// The structure at `offset` from the region's start, and the offset in it.
    static func at(_ offset: UInt64) -> (PCIStructure, offset: Int)? {
        let start = offset & ~(size - 1)
        return allCases.first { $0.offset == start }.map { ($0, Int(offset - start)) }
    }

    /// The offset in the region at which a queue is notified.
    static func notification(ofQueue index: Int) -> UInt64 {
        PCIStructure.notify.offset + UInt64(index) * notifyMultiplier
    }

    /// Adds the capabilities of all structures.
    ///
    /// - Parameters:
    ///   - queueCount: says how long the structure of notifications is.
    ///   - configurationSize: of the device's own configuration, in bytes.
    static func addCapabilities(
        to space: inout ConfigurationSpace, queueCount: Int, configurationSize: Int
    ) {
        for structure in allCases {
            let length: UInt32
            var extra: [UInt8] = []
            switch structure {
            case .common: length = UInt32(PCICommonRegister.end)
            case .notify:
                length = UInt32(queueCount) * UInt32(notifyMultiplier)
                extra = bytes(of: UInt32(notifyMultiplier))
            case .interruptStatus: length = 1
            case .device: length = UInt32(configurationSize)
            }
            // A device without configuration has no structure for it.
            guard length > 0 else { continue }
            _ = space.addCapability(
                CapabilityID.vendorSpecific,
                body: body(type: structure.rawValue, offset: structure.offset, length: length, extra))
        }
    }

    /// What follows the id and the link in `struct virtio_pci_cap` (§4.1.4).
    static func body(type: UInt8, offset: UInt64, length: UInt32, _ extra: [UInt8]) -> [UInt8] {
        [UInt8(16 + extra.count), type, UInt8(register), 0, 0, 0] + bytes(of: UInt32(truncatingIfNeeded: offset))
            + bytes(of: length) + extra
    }

    private static func bytes(of value: UInt32) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
