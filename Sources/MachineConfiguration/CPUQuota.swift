/// An amount of processor time as people write it: a number of CPUs, `1.5`, or a percentage of one, `150%`.
public struct CPUQuota: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Thousandths of one CPU's time.
    public let thousandths: UInt32

    public init(thousandths: UInt32) {
        self.thousandths = thousandths
    }

    /// - Returns: nil without a number, for one with more places than thousandths of a CPU have, and beyond 2^32 of those.
    public init?(_ text: String) {
        let isPercentage = text.hasSuffix("%")
        let places = isPercentage ? 1 : 3
        let parts = (isPercentage ? text.dropLast() : text[...]).split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Self.isDigit) }),
            parts.count == 1 || parts[1].count <= places
        else { return nil }
        let fraction = parts.count == 1 ? "" : String(parts[1])
        guard let value = UInt32(parts[0] + fraction + String(repeating: "0", count: places - fraction.count)) else {
            return nil
        }
        thousandths = value
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    public static func < (one: CPUQuota, other: CPUQuota) -> Bool { one.thousandths < other.thousandths }

    /// As a number of CPUs.
    public var description: String {
        let (whole, rest) = thousandths.quotientAndRemainder(dividingBy: 1000)
        guard rest > 0 else { return "\(whole)" }
        var fraction = String(String(1000 + rest).dropFirst())
        while fraction.last == "0" { fraction.removeLast() }
        return "\(whole).\(fraction)"
    }
}

extension CPUQuota: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let quota = CPUQuota(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is no amount of processor time; \(Self.advice)")
        }
        self = quota
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package static let advice = "write a number of CPUs, such as 1.5, or a percentage of one, such as 150%"
}

extension CPUQuota: Described {
    package static var schema: Schema {
        .text(
            .init(
                pattern: #"^([0-9]+(\.[0-9]{1,3})?|[0-9]+(\.[0-9])?%)$"#,
                meaning: "a string with a number of CPUs, such as 1.5, or a percentage of one, such as 150%",
                examples: ["1.5", "150%"]))
    }
}
