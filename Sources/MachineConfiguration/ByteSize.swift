/// A number of bytes as people write it: `512M`, `2G`, `64KiB`, `0`.
public struct ByteSize: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let bytes: UInt64

    public init(bytes: UInt64) {
        self.bytes = bytes
    }

    /// Units are powers of 1024; the letters after a unit's first (`MB`, `MiB`) and their case make no difference.
    ///
    /// - Returns: nil without a number and, unless that is 0, a unit, or beyond 2^64 bytes.
    public init?(_ text: String) {
        if text == "0" {
            self.init(bytes: 0)
            return
        }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits), let shift = Self.shifts[text.dropFirst(digits.count).lowercased()] else {
            return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow else { return nil }
        self.init(bytes: bytes)
    }

    private static let shifts: [String: UInt64] = [
        "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30,
        "t": 40, "tb": 40, "tib": 40,
    ]

    public static func < (one: ByteSize, other: ByteSize) -> Bool { one.bytes < other.bytes }

    /// In the largest unit that divides it.
    public var description: String {
        for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] where bytes > 0 {
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

extension ByteSize: Described {
    package static var schema: Schema { .size(nil) }
}

extension Schema {
    /// A size as text.
    static func size(_ range: ClosedRange<ByteSize>?) -> Schema {
        .text(
            Text(
                pattern: "^(0|[0-9]+[KkMmGgTt]([Ii]?[Bb])?)$",
                meaning: "a number and a unit, such as 512M or 2G" + (range.map { ", \($0.words)" } ?? ""),
                examples: ["512M", "2G"]))
    }
}
