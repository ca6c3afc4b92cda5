/// Root System Description Pointer: where a guest finds the XSDT (ACPI 6.5 §5.2.5.3).
struct RSDP {
    var xsdtAddress: UInt64

    static let size = 36

    func encode() -> [UInt8] {
        var table = LittleEndianBytes()
        table.append("RSD PTR ")
        table.append(UInt8(0))  // Checksum of the ACPI 1.0 part, below
        table.append(SystemTable.oemID)
        table.append(UInt8(2))  // Revision
        table.append(UInt32(0))  // RsdtAddress: there is only an XSDT
        table.append(UInt32(Self.size))
        table.append(xsdtAddress)
        table.append(UInt8(0))  // Extended Checksum, below
        table.appendZeros(3)

        var bytes = table.bytes
        bytes[8] = SystemTable.checksum(of: bytes.prefix(20))
        bytes[32] = SystemTable.checksum(of: bytes)
        return bytes
    }
}

/// Extended System Description Table: where the other tables are (ACPI 6.5 §5.2.8).
struct XSDT {
    var tableAddresses: [UInt64]

    func encode() -> [UInt8] {
        var body = LittleEndianBytes()
        for address in tableAddresses { body.append(address) }
        return SystemTable.encode("XSDT", revision: 1, body: body.bytes)
    }
}
