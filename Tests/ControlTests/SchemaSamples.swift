@testable import MachineConfiguration

/// Values that schemas allow, and values that they do not.
extension Schema {
    var sample: JSONValue {
        switch self {
        case .boolean: true
        case .wholeNumber(let range): .integer(range.lowerBound)
        case .powerOfTwo(let range): .integer(Int128(range.lowerBound))
        case .text(let text): .string(text.examples.first ?? "a")
        case .choice(let values): .string(values[0])
        case .list(let element, _): [element.sample]
        case .map(let value): .object(["a": value.sample])
        case .object(let type): .object(type.sample)
        case .anyObject: [:]
        case .anyOf(let schemas): schemas[0].sample
        }
    }

    /// One with all that it can have within.
    var fullSample: JSONValue {
        switch self {
        case .list(let element, _): [element.fullSample]
        case .object(let type): .object(type.fullSample)
        default: sample
        }
    }

    /// Values of other kinds, and those that are just too small, too large or too much.
    var counterexamples: [JSONValue] {
        switch self {
        case .boolean: [0, "true", [], [:]]
        case .wholeNumber(let range):
            [true, "1", [], [:], .integer(range.lowerBound - 1), .integer(range.upperBound + 1)]
        case .powerOfTwo(let range):
            [
                true, "1", .integer(Int128(range.lowerBound) / 2), .integer(Int128(range.lowerBound) + 1),
                .integer(Int128(range.upperBound) * 2),
            ]
        case .text: [1, true, [], [:]]
        case .choice: [1, true, [], [:], "", "nonsense"]
        case .list(let element, nil): [1, "a", [:]] + element.counterexamples.prefix(1).map { [$0] }
        case .list(let element, let most?): [1, "a", [:], .array(Array(repeating: element.sample, count: most + 1))]
        case .map, .anyObject: [1, "a", []]
        case .object: [1, "a", [], ["nonsense": 1]]
        case .anyOf: [true, [], [:]]
        }
    }
}

extension DescribedObject {
    /// With no more fields than there must be.
    static var sample: [String: JSONValue] {
        let needed = fields.filter(\.description.isRequired).map(\.name) + alternativeNames.prefix(1)
        return Dictionary(uniqueKeysWithValues: needed.map { ($0, field($0)?.schema.sample ?? .null) })
    }

    /// With as many fields as there can be.
    static var fullSample: [String: JSONValue] {
        let possible = fields.map(\.name).filter { !alternativeNames.dropFirst().contains($0) }
        return Dictionary(uniqueKeysWithValues: possible.map { ($0, field($0)?.schema.fullSample ?? .null) })
    }
}
