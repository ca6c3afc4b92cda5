/// A system description table (ACPI 6.5 §5.2.6).
struct ACPITable {
    static var headerSize: UInt32 { 36 }

    let base: UnsafeRawPointer

    /// Bytes, header included.
    var length: UInt32 { base.loadUnaligned(fromByteOffset: 4, as: UInt32.self) }

    private init?(address: UInt64, signature: StaticString) {
        guard let base = UnsafeRawPointer(bitPattern: UInt(address)), matches(base, signature) else { return nil }
        self.base = base
    }

    /// Finds a table through the root pointer and its XSDT.
    ///
    /// Ends the VM with a status from 210 to 213 when the table, or a structure on the way to it, is missing or
    /// damaged.
    static func find(_ signature: StaticString, from startInfo: StartInfo) -> ACPITable {
        require(startInfo.rootPointer != nil, "there is no ACPI root pointer", status: 210)
        guard let table = findOptional(signature, from: startInfo) else {
            fail("the XSDT does not name the table", status: 213)
        }
        return table
    }

    /// Finds a table on a machine that may have none; nil then.
    ///
    /// Ends the VM with status 211 or 212 when a structure on the way is missing or damaged.
    static func findOptional(_ signature: StaticString, from startInfo: StartInfo) -> ACPITable? {
        guard let root = startInfo.rootPointer, matches(root, "RSD PTR ") else { return nil }
        require(sum(root, 20) == 0 && sum(root, 36) == 0, "the root pointer's checksums are wrong", status: 211)

        let xsdtAddress = root.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
        guard let xsdt = ACPITable(address: xsdtAddress, signature: "XSDT") else {
            fail("there is no XSDT", status: 212)
        }
        xsdt.requireChecksum()
        var offset = headerSize
        while offset + 8 <= xsdt.length {
            let address = xsdt.base.loadUnaligned(fromByteOffset: Int(offset), as: UInt64.self)
            if let table = ACPITable(address: address, signature: signature) {
                table.requireChecksum()
                return table
            }
            offset += 8
        }
        return nil
    }

    private func requireChecksum() {
        require(
            length >= Self.headerSize && sum(base, length) == 0, "an ACPI table's checksum is wrong", status: 211)
    }
}

private func matches(_ bytes: UnsafeRawPointer, _ signature: StaticString) -> Bool {
    for index in 0..<signature.utf8CodeUnitCount
    where bytes.load(fromByteOffset: index, as: UInt8.self) != signature.utf8Start[index] {
        return false
    }
    return true
}

private func sum(_ bytes: UnsafeRawPointer, _ count: UInt32) -> UInt8 {
    var sum: UInt8 = 0
    for index in 0..<Int(count) {
        sum &+= bytes.load(fromByteOffset: index, as: UInt8.self)
    }
    return sum
}
