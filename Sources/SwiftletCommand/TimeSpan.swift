/// A length of time as people write it: `90s`, `10m`, `1h30m`, `500ms`.
struct TimeSpan: Equatable, CustomStringConvertible {
    let nanoseconds: UInt64
    /// As it was written.
    let description: String

    private static let units: [String: UInt64] = [
        "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3600_000_000_000,
    ]

    /// - Returns: nil unless `text` is a row of numbers, each followed by its unit, above zero in total.
    init?(_ text: String) {
        var total: UInt64 = 0
        var rest = Substring(text)
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = UInt64(digits), let scale = Self.units[String(unit)] else { return nil }
            let (span, tooLong) = number.multipliedReportingOverflow(by: scale)
            let (sum, overflow) = total.addingReportingOverflow(span)
            guard !tooLong, !overflow else { return nil }
            total = sum
        }
        guard total > 0 else { return nil }
        nanoseconds = total
        description = text
    }
}
