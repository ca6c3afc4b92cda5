/// Memory-mapped configuration table: where the configuration space of a PCI segment is
/// (PCI Firmware Specification 3.3 §4.1.2).
struct MCFG {
    var segment: ACPIConfiguration.PCISegment

    func encode() -> [UInt8] {
        var body = LittleEndianBytes()
        body.appendZeros(8)
        body.append(segment.ecamBase)
        body.append(UInt16(0))  // PCI Segment Group Number
        body.append(UInt8(0))  // Start Bus Number
        body.append(segment.lastBus)
        body.appendZeros(4)
        return SystemTable.encode("MCFG", revision: 1, body: body.bytes)
    }
}

extension ACPIConfiguration.PCISegment {
    /// Bytes of configuration space of one bus: 32 devices of 8 functions with 4 KiB each.
    static let ecamBusSize: UInt64 = 1 << 20

    var ecamSize: UInt64 { (UInt64(lastBus) + 1) * Self.ecamBusSize }
}
