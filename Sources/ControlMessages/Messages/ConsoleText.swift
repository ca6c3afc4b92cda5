import FoundationEssentials
import MachineConfiguration

/// Bytes of a console or a command, in JSON `{"data"}` when they are text, or else `{"base64"}`.
public enum ConsoleText: Equatable, Sendable {
    case text(String)
    case bytes([UInt8])

    /// Its bytes, which in the case of text are UTF-8.
    package var bytes: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        }
    }
}

extension ConsoleText: Codable {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case data, base64
    }

    public init(from decoder: any Decoder) throws {
        try self.init(try Fields<CodingKeys>(of: decoder), data: .data, base64: .base64, of: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try encode(to: &container, data: .data, base64: .base64)
    }

    /// The bytes among the fields of an object that has others as well.
    init<Key>(_ fields: Fields<Key>, data: Key, base64: Key, of decoder: any Decoder) throws {
        switch (fields.has(data), fields.has(base64)) {
        case (true, false): self = .text(try fields.require(data))
        case (false, true): self = .bytes(Array(try fields.require(base64) as Data))
        default:
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "give one of data and base64"))
        }
    }

    func encode<Key>(to container: inout KeyedEncodingContainer<Key>, data: Key, base64: Key) throws {
        switch self {
        case .text(let text): try container.encode(text, forKey: data)
        case .bytes(let bytes): try container.encode(Data(bytes), forKey: base64)
        }
    }
}

extension ConsoleText: DescribedObject {
    package static let summary = "Bytes of a console: text, or anything in base64."
    package static let alternatives = [CodingKeys.data, .base64]

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .data: .optional(String.self, "Text; its bytes are UTF-8")
        case .base64:
            .optional(
                .text(
                    .init(
                        pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", meaning: "base64",
                        examples: ["aGkK"])),
                "Any bytes (RFC 4648 §4)")
        }
    }
}
