/// A number of bytes as people write it: `512M`, `2G`, `64KiB`.
public struct ByteSize: Hashable, Sendable, CustomStringConvertible {
    public let bytes: UInt64

    public init(bytes: UInt64) {
        self.bytes = bytes
    }

    /// Units are powers of 1024; the letters after a unit's first (`MB`, `MiB`) and their case make no difference.
    ///
    /// - Returns: nil without a number and a unit, or beyond 2^64 bytes.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits), let shift = Self.shifts[text.dropFirst(digits.count).lowercased()] else {
            return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    private static let shifts: [String: UInt64] = [
        "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30,
        "t": 40, "tb": 40, "tib": 40,
    ]

    /// In the largest unit that divides it.
    public var description: String {
        if bytes == 0 { return "0M" }
        for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] {
            if bytes.trailingZeroBitCount >= shift { return "\(bytes >> UInt64(shift))\(unit)" }
        }
        return "\(bytes)"
    }
}

extension ByteSize: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let size = ByteSize(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "'\(text)' is not a size; write a number and a unit, such as 512M or 2G")
        }
        self = size
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
