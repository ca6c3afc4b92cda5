/// An Ethernet address (IEEE 802 EUI-48).
public struct MACAddress: Hashable, Sendable {
    public static let length = 6

    /// In the order of transmission, in the low 48 bits, the first byte highest.
    private let value: UInt64

    /// A random address for local use, as good as certain to be its own.
    public static func random() -> MACAddress {
        let first: UInt64 = 0xFF << 40
        let bits = UInt64.random(in: 0..<1 << 48)
        return MACAddress(value: bits & ~first | (bits & first & ~(groupBit | localBit)) | localBit)
    }

    private static let groupBit: UInt64 = 1 << 40
    private static let localBit: UInt64 = 1 << 41

    private init(value: UInt64) {
        self.value = value
    }

    /// - Parameter bytes: in the order of transmission.
    public init(_ bytes: InlineArray<6, UInt8>) {
        var value: UInt64 = 0
        for index in bytes.indices { value = value << 8 | UInt64(bytes[index]) }
        self.value = value
    }

    /// - Parameter text: six bytes in hexadecimal with colons between them, such as `52:54:00:12:34:56`.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == Self.length else { return nil }
        var value: UInt64 = 0
        for part in parts {
            guard part.utf8.count == 2, part.utf8.allSatisfy({ Self.isHexDigit($0) }), let byte = UInt8(part, radix: 16)
            else { return nil }
            value = value << 8 | UInt64(byte)
        }
        self.value = value
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        Unicode.Scalar(byte).properties.isASCIIHexDigit
    }

    /// In the order of transmission.
    public var bytes: InlineArray<6, UInt8> {
        InlineArray { UInt8(truncatingIfNeeded: value >> UInt64(8 * (Self.length - 1 - $0))) }
    }

    /// Whether it addresses a group of stations, as no station's own address does.
    public var isGroup: Bool { value & Self.groupBit != 0 }
    public var isZero: Bool { value == 0 }
}

extension MACAddress: CustomStringConvertible {
    public var description: String {
        var text = ""
        let bytes = bytes
        for index in bytes.indices {
            let digits = String(bytes[index], radix: 16)
            text += (index == 0 ? "" : ":") + (digits.count == 1 ? "0" : "") + digits
        }
        return text
    }
}

extension MACAddress: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let address = MACAddress(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not an Ethernet address such as 52:54:00:12:34:56")
        }
        self = address
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
