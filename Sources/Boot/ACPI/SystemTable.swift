/// What all ACPI system description tables share.
enum SystemTable {
    /// Bytes of the header that every table but the RSDP starts with.
    static let headerSize = 36
    /// Who made the tables: OEMID, six characters.
    static let oemID: StaticString = "SWIFTL"

    /// A complete table: the header (ACPI 6.5 §5.2.6) with its length and checksum, then `body`.
    ///
    /// - Parameter signature: four characters.
    static func encode(_ signature: StaticString, revision: UInt8, body: [UInt8]) -> [UInt8] {
        var table = LittleEndianBytes()
        table.append(signature)
        table.append(UInt32(truncatingIfNeeded: headerSize + body.count))
        table.append(revision)
        table.append(UInt8(0))  // checksum, below
        table.append(oemID)
        table.append("SWIFTLET")  // OEM Table ID
        table.append(UInt32(1))  // OEM Revision
        table.append("SWFT")  // Creator ID
        table.append(UInt32(1))  // Creator Revision
        table.append(body)

        var bytes = table.bytes
        bytes[9] = checksum(of: bytes)
        return bytes
    }

    /// The value that makes the bytes sum to zero, modulo 256, when it takes the place of a zero byte.
    static func checksum(of bytes: some Sequence<UInt8>) -> UInt8 {
        0 &- bytes.reduce(0, &+)
    }
}

/// Generic Address Structure for a one-byte register at a system I/O port (ACPI 6.5 §5.2.3.2).
struct GenericAddress {
    var ioPort: UInt16

    static let size = 12

    func encode(to table: inout LittleEndianBytes) {
        table.append(UInt8(1))  // Address Space ID: system I/O
        table.append(UInt8(8))  // Register Bit Width
        table.append(UInt8(0))  // Register Bit Offset
        table.append(UInt8(1))  // Access Size: byte
        table.append(UInt64(ioPort))
    }
}
