/// Bytes under construction, integers in little-endian order, as every ACPI table and resource descriptor has them
/// (ACPI 6.5 §5.2).
struct LittleEndianBytes {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: some FixedWidthInteger & UnsignedInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ raw: [UInt8]) {
        bytes.append(contentsOf: raw)
    }

    /// Reserved fields, and fields that do not apply.
    mutating func appendZeros(_ count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: count))
    }

    /// The characters of a signature or an identifier, without a terminating zero.
    mutating func append(_ characters: StaticString) {
        characters.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }
}
