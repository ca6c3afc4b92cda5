/// The MSI-X capability and its memory region: the table of vectors, followed by the pending bits
/// (PCI Express Base Specification 6.0 §7.7.2).
struct MSIXCapability: Sendable {
    let vectors: MSIX
    let region: MemoryRegion
    /// Of the message control register.
    private let control: Int

    private enum Control {
        static let functionMask: UInt16 = 1 << 14
        static let enable: UInt16 = 1 << 15
    }

    /// One entry of the table.
    private enum EntryOffset {
        static let size: UInt64 = 16
        static let addressLow: UInt64 = 0
        static let addressHigh: UInt64 = 4
        static let data: UInt64 = 8
        static let vectorControl: UInt64 = 12
        static let maskBit: UInt32 = 1
    }

    /// Adds the capability to `configuration`, for a region at a base address register that is still free.
    init(_ vectors: MSIX, register: Int, in configuration: inout ConfigurationSpace) {
        let tableSize = UInt64(vectors.count) * EntryOffset.size
        let pendingSize = UInt64(vectors.count + 63) / 64 * 8
        self.vectors = vectors
        region = MemoryRegion(register: register, size: Self.regionSize(holding: tableSize + pendingSize))
        let offset = configuration.addCapability(CapabilityID.msix, body: [UInt8](repeating: 0, count: 10))
        control = offset + 2
        configuration.set(UInt16(vectors.count - 1), at: control)
        configuration.allowWrites(of: Control.functionMask | Control.enable, at: control)
        configuration.set(UInt32(register), at: offset + 4)
        configuration.set(UInt32(tableSize) | UInt32(register), at: offset + 8)
    }

    /// A power of two, and a page at least, so that a guest can map it.
    private static func regionSize(holding bytes: UInt64) -> UInt64 {
        var size: UInt64 = 4096
        while size < bytes { size *= 2 }
        return size
    }

    func didWrite(_ configuration: ConfigurationSpace, bytes: Range<Int>) {
        guard bytes.overlaps(control..<control + 2) else { return }
        let value = UInt16(truncatingIfNeeded: configuration.read(at: control, count: 2))
        vectors.setControl(
            isEnabled: value & Control.enable != 0, isFunctionMasked: value & Control.functionMask != 0)
    }

    // MARK: The region. Accesses are of four or eight aligned bytes (§6.1.4.2); others read as ones.

    func read(offset: UInt64, into bytes: UnsafeMutableRawBufferPointer) {
        guard Self.isAccess(offset, bytes.count) else { return bytes.storeOnes() }
        var value = UInt64(word(at: offset))
        if bytes.count == 8 { value |= UInt64(word(at: offset + 4)) << 32 }
        bytes.storeLittleEndian(value)
    }

    func write(offset: UInt64, bytes: UnsafeRawBufferPointer) {
        guard Self.isAccess(offset, bytes.count) else { return }
        let value = bytes.loadLittleEndian()
        let (vector, field) = (Int(offset / EntryOffset.size), offset % EntryOffset.size)
        vectors.update(vector) { entry in
            Self.set(UInt32(truncatingIfNeeded: value), at: field, in: &entry)
            if bytes.count == 8 { Self.set(UInt32(truncatingIfNeeded: value >> 32), at: field + 4, in: &entry) }
        }
    }

    private static func isAccess(_ offset: UInt64, _ count: Int) -> Bool {
        (count == 4 || count == 8) && offset.isMultiple(of: UInt64(count))
    }

    private func word(at offset: UInt64) -> UInt32 {
        guard let entry = vectors[Int(offset / EntryOffset.size)] else {
            let past = offset - UInt64(vectors.count) * EntryOffset.size
            return UInt32(truncatingIfNeeded: vectors.pendingBits(word: Int(past / 8)) >> (past % 8 * 8))
        }
        switch offset % EntryOffset.size {
        case EntryOffset.addressLow: return UInt32(truncatingIfNeeded: entry.message.address)
        case EntryOffset.addressHigh: return UInt32(truncatingIfNeeded: entry.message.address >> 32)
        case EntryOffset.data: return entry.message.data
        default: return entry.isMasked ? EntryOffset.maskBit : 0
        }
    }

    private static func set(_ value: UInt32, at field: UInt64, in entry: inout MSIX.Entry) {
        switch field {
        case EntryOffset.addressLow:
            // The low two bits are zero (§7.7.2.5).
            entry.message.address = entry.message.address & ~0xFFFF_FFFF | UInt64(value & ~3)
        case EntryOffset.addressHigh:
            entry.message.address = UInt64(value) << 32 | entry.message.address & 0xFFFF_FFFF
        case EntryOffset.data: entry.message.data = value
        default: entry.isMasked = value & EntryOffset.maskBit != 0
        }
    }
}
