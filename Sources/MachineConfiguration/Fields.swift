/// The fields of an object that a user wrote: one that is left out keeps its default, and one that does not exist is
/// an error instead of being without effect.
public struct Fields<Key: CodingKey & CaseIterable> {
    private let container: KeyedDecodingContainer<Key>

    /// - Throws: `DecodingError` for what is no object, and for an unknown field, whose path it has.
    public init(of decoder: any Decoder, _ keys: Key.Type = Key.self) throws {
        container = try decoder.container(keyedBy: keys)
        if let key = CodingUserInfoKey.toleratesUnknownFields, decoder.userInfo[key] as? Bool == true { return }
        let shared = decoder.codingPath.count == 1 ? Self.sharedFields(of: decoder) : []
        for name in try decoder.container(keyedBy: AnyKey.self).allKeys
        where Key(stringValue: name.stringValue) == nil && !shared.contains(name.stringValue) {
            let known = (Key.allCases.map(\.stringValue) + shared.sorted()).joined(separator: ", ")
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath + [name],
                    debugDescription: "there is no such field; " + (known.isEmpty ? "there are none" : "use \(known)")))
        }
    }

    private static func sharedFields(of decoder: any Decoder) -> Set<String> {
        CodingUserInfoKey.sharedFields.flatMap { decoder.userInfo[$0] as? Set<String> } ?? []
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
        } catch let error as DecodingError where !Self.isWithoutPlace(error) {
            throw error
        } catch {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: container.codingPath + [key],
                    debugDescription: "the number does not fit; use a whole number within the field's range"))
        }
    }

    private static func isWithoutPlace(_ error: DecodingError) -> Bool {
        if case .dataCorrupted(let context) = error { context.codingPath.isEmpty } else { false }
    }
}

extension CodingUserInfoKey {
    /// For a decoder: a set of names that objects one level below the outermost may have besides their own fields.
    package static let sharedFields = CodingUserInfoKey(rawValue: "shared fields")
    /// For a decoder: true to pass over fields that do not exist here, as what a later version of Swiftlet writes may have.
    package static let toleratesUnknownFields = CodingUserInfoKey(rawValue: "tolerates unknown fields")
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
