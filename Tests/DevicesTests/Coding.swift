import Foundation

/// Values through JSON and back.
enum Coding {
    static func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
        try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from source: some Encodable) throws -> Value {
        try JSONDecoder().decode(type, from: JSONEncoder().encode(source))
    }
}
