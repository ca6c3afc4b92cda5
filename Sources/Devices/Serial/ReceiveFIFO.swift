/// The 16550A's receive FIFO: at most 16 bytes, kept in two words so that it never allocates.
struct ReceiveFIFO: Equatable, Sendable {
    static let capacity = 16

    /// The oldest byte is the lowest one of `low`.
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Adds `byte` at the end.
    ///
    /// - Returns: whether there was room.
    mutating func append(_ byte: UInt8) -> Bool {
        guard count < Self.capacity else { return false }
        if count < 8 {
            low |= UInt64(byte) << (8 * count)
        } else {
            high |= UInt64(byte) << (8 * (count - 8))
        }
        count += 1
        return true
    }

    /// Takes the oldest byte.
    mutating func popFirst() -> UInt8? {
        guard count > 0 else { return nil }
        let byte = UInt8(truncatingIfNeeded: low)
        low = low >> 8 | high << 56
        high >>= 8
        count -= 1
        return byte
    }

    mutating func removeAll() {
        self = ReceiveFIFO()
    }
}

extension ReceiveFIFO: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        for byte in try container.decode([UInt8].self) where !append(byte) {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "a 16550A's receive FIFO holds at most \(Self.capacity) bytes")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var rest = self
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() { bytes.append(byte) }
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}
