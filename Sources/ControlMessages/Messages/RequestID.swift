import MachineConfiguration

/// What a client calls one of its requests, and finds in the answer.
public enum RequestID: Hashable, Sendable {
    case number(Int64)
    case string(String)
}

extension RequestID: Described {
    package static var schema: Schema { .anyOf([Int64.schema, String.schema]) }
}

extension RequestID: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            self = .number(number)
        } else if let string = try? container.decode(String.self) {
            self = .string(string)
        } else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "an id is a whole number or a string")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let number): try container.encode(number)
        case .string(let string): try container.encode(string)
        }
    }
}
