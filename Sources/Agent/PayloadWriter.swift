/// Makes a frame: its header, then the fields of its payload one after the other.
struct PayloadWriter {
    private(set) var bytes: [UInt8] = []

    init(_ kind: AgentProtocol.Kind, id: UInt32) {
        number(UInt32(0))
        number(kind.rawValue)
        number(UInt16(0))
        number(id)
    }

    mutating func number(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }

    mutating func raw(_ value: [UInt8]) {
        bytes += value
    }

    mutating func text(_ value: [UInt8]) {
        number(UInt32(clamping: value.count))
        bytes += value
    }

    mutating func list(_ values: [[UInt8]]) {
        number(UInt32(clamping: values.count))
        for value in values { text(value) }
    }

    /// - Returns: nil where the payload is longer than the agent takes.
    consuming func finished() -> [UInt8]? {
        let length = bytes.count - AgentProtocol.headerSize
        guard length <= AgentProtocol.longestRequest else { return nil }
        withUnsafeBytes(of: UInt32(length).littleEndian) { bytes.replaceSubrange(0..<4, with: $0) }
        return bytes
    }
}
