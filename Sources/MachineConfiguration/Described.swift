/// A type whose values have one form in JSON.
package protocol Described {
    static var schema: Schema { get }
}

/// A type whose values are objects in JSON. Each field is described beside its name; one that is not does not compile.
package protocol DescribedObject: Described {
    associatedtype CodingKeys: CodingKey & CaseIterable

    /// What the object is, in a sentence.
    static var summary: String { get }
    static func describe(_ key: CodingKeys) -> FieldDescription
    /// Fields of which exactly one is to be there, or to be true; none unless stated.
    static var alternatives: [CodingKeys] { get }
}

extension DescribedObject {
    package static var schema: Schema { .object(Self.self) }
    package static var alternatives: [CodingKeys] { [] }

    /// What a document calls the type: its own name after those of the types that it is within.
    package static var schemaName: String {
        String(reflecting: Self.self).split(separator: ".").dropFirst().joined()
    }

    /// The fields in the order of their names' declaration.
    package static var fields: [(name: String, description: FieldDescription)] {
        CodingKeys.allCases.map { ($0.stringValue, describe($0)) }
    }

    static func field(_ name: String) -> FieldDescription? {
        CodingKeys(stringValue: name).map { describe($0) }
    }

    package static var alternativeNames: [String] { alternatives.map(\.stringValue) }
}

/// What the field of an object may hold, and what that means.
package struct FieldDescription {
    package let schema: Schema
    package let isRequired: Bool
    /// What it means, with its unit.
    let text: String
    /// What holds when it is left out, where that is a value.
    package let usual: JSONValue?

    package static func required(_ schema: Schema, _ text: String) -> FieldDescription {
        FieldDescription(schema: schema, isRequired: true, text: text, usual: nil)
    }

    package static func required<Value: Described>(_ type: Value.Type, _ text: String) -> FieldDescription {
        required(type.schema, text)
    }

    package static func optional(_ schema: Schema, _ text: String, usual: JSONValue? = nil) -> FieldDescription {
        FieldDescription(schema: schema, isRequired: false, text: text, usual: usual)
    }

    package static func optional<Value: Described>(
        _ type: Value.Type, _ text: String, usual: JSONValue? = nil
    ) -> FieldDescription {
        optional(type.schema, text, usual: usual)
    }
}

extension Bool: Described {
    package static var schema: Schema { .boolean }
}

extension String: Described {
    package static var schema: Schema { .text(.init()) }
}

extension Array: Described where Element: Described {
    package static var schema: Schema { .list(of: Element.schema, atMost: nil) }
}

extension FixedWidthInteger {
    package static var schema: Schema { .integer(Self.self) }
}

extension Int: Described {}
extension Int32: Described {}
extension Int64: Described {}
extension UInt8: Described {}
extension UInt16: Described {}
extension UInt32: Described {}
extension UInt64: Described {}

extension CaseIterable where Self: RawRepresentable, RawValue == String {
    package static var schema: Schema { .choice(allCases.map(\.rawValue)) }
}
