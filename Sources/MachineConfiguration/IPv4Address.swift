/// An IPv4 address (RFC 791).
public struct IPv4Address: Hashable, Sendable {
    /// In the order of transmission, the first byte highest.
    private let value: UInt32

    /// What stands where there is no address (RFC 1122 §3.2.1.3).
    public static let unspecified = IPv4Address(0, 0, 0, 0)

    /// The bytes are those of the dotted notation.
    public init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
        value = [first, second, third, fourth].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// In the order of transmission.
    public var bytes: InlineArray<4, UInt8> {
        InlineArray { UInt8(truncatingIfNeeded: value >> UInt32(8 * (3 - $0))) }
    }
}

extension IPv4Address: CustomStringConvertible {
    public var description: String { bytes.indices.map { "\(bytes[$0])" }.joined(separator: ".") }
}
