/// Little-endian fields at fixed offsets of a header; those beyond its end read as zero, so that none can trap.
struct Fields {
    let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
    }

    func read<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
        let size = MemoryLayout<Value>.size
        guard offset >= 0, offset <= bytes.count - size else { return 0 }
        return bytes.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
    }
}

/// Zeroed bytes of a structure that is put together field by field, little-endian; what does not fit is left out.
struct FieldWriter {
    private(set) var bytes: [UInt8]

    init(count: Int) {
        bytes = [UInt8](repeating: 0, count: count)
    }

    mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
        put(withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }, at: offset)
    }

    mutating func put(_ field: [UInt8], at offset: Int) {
        guard offset >= 0, offset <= bytes.count - field.count else { return }
        bytes.replaceSubrange(offset..<(offset + field.count), with: field)
    }
}
