/// The fields of an object that a user wrote: one that is left out keeps its default, and one that does not exist is
/// an error instead of being without effect.
public struct Fields<Key: CodingKey & CaseIterable> {
    private let container: KeyedDecodingContainer<Key>

    /// - Throws: `DecodingError` for what is no object, and for an unknown field, whose path it has.
    public init(of decoder: any Decoder, _ keys: Key.Type = Key.self) throws {
        container = try decoder.container(keyedBy: keys)
        if let key = CodingUserInfoKey.toleratesUnknownFields, decoder.userInfo[key] as? Bool == true { return }
        for name in try decoder.container(keyedBy: AnyKey.self).allKeys where Key(stringValue: name.stringValue) == nil
        {
            let known = Key.allCases.map(\.stringValue).joined(separator: ", ")
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath + [name],
                    debugDescription: "there is no such field; " + (known.isEmpty ? "there are none" : "use \(known)")))
        }
    }

    /// Whether the field is there, if only as null.
    public func has(_ key: Key) -> Bool { container.contains(key) }

    /// Sets `value` to the field, if that is there and not null.
    public func read<Value: Decodable>(_ key: Key, into value: inout Value) throws {
        if let given = try locating(key, { try container.decodeIfPresent(Value.self, forKey: key) }) { value = given }
    }

    /// The field, which must be there.
    public func require<Value: Decodable>(_ key: Key, as type: Value.Type = Value.self) throws -> Value {
        try locating(key) { try container.decode(Value.self, forKey: key) }
    }

    /// Gives an error its path where the decoder does not: JSONDecoder tells of numbers out of range in its own way.
    private func locating<Value>(_ key: Key, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DecodingError {
            throw error
        } catch {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: container.codingPath + [key],
                    debugDescription: "the number does not fit; use a whole number within the field's range"))
        }
    }
}

extension CodingUserInfoKey {
    /// Set to true to decode what a later version of Swiftlet wrote: fields that do not exist here are then passed over.
    package static let toleratesUnknownFields = CodingUserInfoKey(rawValue: "swiftlet.toleratesUnknownFields")
}

/// Any field's name.
private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) {
        self.stringValue = stringValue
    }

    init?(intValue: Int) { nil }
}
