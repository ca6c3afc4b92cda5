import PCI

/// The window in a device's configuration space through which its memory region is reached by a driver that makes no
/// memory accesses, such as firmware (virtio 1.3 §4.1.4.9).
struct PCIConfigurationAccess: Sendable {
    /// Of the capability in the configuration space.
    private let offset: Int

    /// Fields of `struct virtio_pci_cfg_cap`.
    private enum Field {
        static let register = 4
        static let offset = 8
        static let length = 12
        static let data = 16
        static let dataCount = 4
    }

    /// Adds the capability to `space`.
    init(addedTo space: inout ConfigurationSpace) {
        offset = space.addCapability(
            CapabilityID.vendorSpecific,
            body: PCIStructure.body(
                type: PCIStructure.configurationAccessType, offset: 0, length: 0,
                [UInt8](repeating: 0, count: Field.dataCount)))
        space.allowWrites(of: UInt8.max, at: offset + Field.register)
        for field in [Field.offset, Field.length, Field.data] { space.allowWrites(of: UInt32.max, at: offset + field) }
    }

    private var data: Range<Int> { offset + Field.data..<offset + Field.data + Field.dataCount }

    /// What a driver that accesses `bytes` of the configuration space wants of the region.
    ///
    /// - Returns: nil when it is not the data that is accessed, or when that stands for no access to the region.
    private func request(_ space: ConfigurationSpace, _ bytes: Range<Int>) -> (offset: UInt64, count: Int)? {
        guard bytes.overlaps(data) else { return nil }
        let register = space.read(at: offset + Field.register, count: 1)
        let start = UInt64(space.read(at: offset + Field.offset, count: 4))
        let length = UInt64(space.read(at: offset + Field.length, count: 4))
        guard register == PCIStructure.register, [1, 2, 4].contains(length), start.isMultiple(of: length),
            start < PCIStructure.region.size
        else { return nil }
        return (start, Int(length))
    }

    /// Fills the data with what `read` gives, before the driver reads it.
    func willRead(
        _ space: inout ConfigurationSpace, _ bytes: Range<Int>,
        from read: (UInt64, UnsafeMutableRawBufferPointer) -> Void
    ) {
        guard let (start, count) = request(space, bytes) else { return }
        var value: UInt32 = 0
        withUnsafeMutableBytes(of: &value) { read(start, UnsafeMutableRawBufferPointer(rebasing: $0.prefix(count))) }
        space.set(UInt32(littleEndian: value), at: data.lowerBound)
    }

    /// Hands the data that the driver has written to `write`.
    func didWrite(
        _ space: ConfigurationSpace, _ bytes: Range<Int>, to write: (UInt64, UnsafeRawBufferPointer) -> Void
    ) {
        guard let (start, count) = request(space, bytes) else { return }
        let value = space.read(at: data.lowerBound, count: Field.dataCount).littleEndian
        withUnsafeBytes(of: value) { write(start, UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
    }
}
