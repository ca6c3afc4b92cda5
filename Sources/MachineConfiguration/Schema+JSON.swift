/// Schemas as JSON Schema 2020-12 writes them.
extension Schema {
    package static let dialect = "https://json-schema.org/draft/2020-12/schema"

    package var json: JSONValue {
        switch self {
        case .boolean: ["type": "boolean"]
        case .wholeNumber(let range):
            ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        case .powerOfTwo(let range):
            ["type": "integer", "enum": .array(range.filter { $0.nonzeroBitCount == 1 }.map { .integer(Int128($0)) })]
        case .text(let text): text.json
        case .choice(let values): ["type": "string", "enum": .array(values.map { .string($0) })]
        case .list(let element, nil): ["type": "array", "items": element.json]
        case .list(let element, let most?):
            ["type": "array", "items": element.json, "maxItems": .integer(Int128(most))]
        case .map(let value): ["type": "object", "additionalProperties": value.json]
        case .object(let type): ["$ref": "#/components/schemas/\(type.schemaName)"]
        case .anyObject: ["type": "object"]
        case .anyOf(let schemas): ["anyOf": .array(schemas.map(\.json))]
        }
    }

    /// Adds all objects that `json` refers to, by their names.
    package func collectObjects(into objects: inout [String: any DescribedObject.Type]) {
        switch self {
        case .boolean, .wholeNumber, .powerOfTwo, .text, .choice, .anyObject: break
        case .anyOf(let schemas): for schema in schemas { schema.collectObjects(into: &objects) }
        case .list(let element, _): element.collectObjects(into: &objects)
        case .map(let value): value.collectObjects(into: &objects)
        case .object(let type):
            guard objects.updateValue(type, forKey: type.schemaName) == nil else { return }
            for field in type.fields { field.description.schema.collectObjects(into: &objects) }
        }
    }
}

extension Schema.Text {
    fileprivate var json: JSONValue {
        var fields: [String: JSONValue] = ["type": "string"]
        if let pattern { fields["pattern"] = .string(pattern) }
        if let length {
            if length.lowerBound > 0 { fields["minLength"] = .integer(Int128(length.lowerBound)) }
            if length.upperBound < .max { fields["maxLength"] = .integer(Int128(length.upperBound)) }
        }
        if !examples.isEmpty { fields["examples"] = .array(examples.map { .string($0) }) }
        return .object(fields)
    }
}

extension FieldDescription {
    /// The meaning, what is allowed, and the default.
    package var sentences: String {
        let allowed: String? =
            switch schema {
            case .wholeNumber, .powerOfTwo: schema.meaning
            case .text(let text): text.meaning == Schema.Text().meaning ? nil : text.meaning
            case .list(_, let most): most.map { "\($0) at most" }
            case .boolean, .choice, .map, .object, .anyObject, .anyOf: nil
            }
        return [text, allowed.map { $0.prefix(1).uppercased() + $0.dropFirst() }, usual.map { "Default: \($0)" }]
            .compactMap { $0 }.map { $0 + "." }.joined(separator: " ")
    }

    package var json: JSONValue {
        guard case .object(var fields) = schema.json else { return schema.json }
        fields["description"] = .string(sentences)
        if let usual { fields["default"] = usual }
        return .object(fields)
    }
}

extension DescribedObject {
    /// The schema itself, as opposed to a reference to it.
    package static var definition: JSONValue {
        var definition: [String: JSONValue] = [
            "$schema": .string(Schema.dialect), "type": "object", "description": .string(summary),
            "properties": .object(Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.description.json) })),
            "required": .array(fields.filter(\.description.isRequired).map { .string($0.name) }),
            "additionalProperties": false,
        ]
        if !alternatives.isEmpty { definition["oneOf"] = .array(alternatives.map { alternative($0) }) }
        return .object(definition)
    }

    private static func alternative(_ key: CodingKeys) -> JSONValue {
        let name = key.stringValue
        guard case .boolean = describe(key).schema else { return ["required": [.string(name)]] }
        return ["required": [.string(name)], "properties": .object([name: ["const": true]])]
    }
}
