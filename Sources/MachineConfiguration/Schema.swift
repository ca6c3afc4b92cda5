/// What values a place in a JSON document may have: as much of JSON Schema 2020-12 as is needed here.
package indirect enum Schema {
    case boolean
    case wholeNumber(ClosedRange<Int128>)
    /// An integer that is a power of two.
    case powerOfTwo(ClosedRange<Int>)
    case text(Text)
    /// One of these texts.
    case choice([String])
    case list(of: Schema, atMost: Int?)
    /// An object whose fields have any names, and values of one kind.
    case map(to: Schema)
    case object(any DescribedObject.Type)
    case anyObject
    case anyOf([Schema])

    package struct Text {
        /// A regular expression (ECMA-262) for the whole text.
        let pattern: String?
        /// In characters.
        let length: ClosedRange<Int>?
        /// What the text must be, in words.
        let meaning: String
        let examples: [String]

        package init(
            pattern: String? = nil, length: ClosedRange<Int>? = nil, meaning: String = "a string",
            examples: [String] = []
        ) {
            self.pattern = pattern
            self.length = length
            self.meaning = meaning
            self.examples = examples
        }
    }

    /// Any number that fits into a type.
    package static func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Schema {
        .integer(Value.min...Value.max)
    }

    package static func integer(_ range: ClosedRange<some FixedWidthInteger>) -> Schema {
        .wholeNumber(Int128(range.lowerBound)...Int128(range.upperBound))
    }

    /// A text that is not empty.
    package static var name: Schema { .text(Text(length: 1...Int.max, meaning: "a string that is not empty")) }

    /// A path in the host's file system.
    package static func path(atMost bytes: Int = .max) -> Schema {
        .text(
            Text(
                pattern: #"^[^\u0000]+$"#, length: 1...bytes,
                meaning: "a path" + (bytes == .max ? "" : " of \(bytes) bytes at most")))
    }

    /// What is at `path` within; nil where nothing is known to be.
    package func at(_ path: some BidirectionalCollection<any CodingKey>) -> Schema? {
        guard let key = path.first else { return self }
        let inner: Schema? =
            switch self {
            case .list(let element, _): key.intValue == nil ? nil : element
            case .map(let value): value
            case .object(let type): type.field(key.stringValue)?.schema
            default: nil
            }
        return inner?.at(path.dropFirst())
    }

    /// What a value must be, in words that fit after "it must be".
    package var meaning: String {
        switch self {
        case .boolean: "true or false"
        case .wholeNumber(let range): "a whole number" + (Self.words(range).map { ", \($0)" } ?? "")
        case .powerOfTwo(let range): "a power of two, \(range.words)"
        case .text(let text): text.meaning
        case .choice(let values): values.count == 1 ? "'\(values[0])'" : "one of " + values.joined(separator: ", ")
        case .list(_, let most): "a list" + (most.map { " of \($0) at most" } ?? "")
        case .map, .object, .anyObject: "an object"
        case .anyOf(let schemas): schemas.map(\.meaning).joined(separator: " or ")
        }
    }

    /// Whether it is made of other values.
    package var isCompound: Bool {
        switch self {
        case .boolean, .wholeNumber, .powerOfTwo, .text, .choice, .anyOf: false
        case .list, .map, .object, .anyObject: true
        }
    }

    private static func words(_ range: ClosedRange<Int128>) -> String? {
        guard range.upperBound >= Int128(Int64.max) else { return range.words }
        return range.lowerBound > Int128(Int64.min) ? "\(range.lowerBound) or more" : nil
    }
}

extension ClosedRange {
    /// Such as `1 to 16`.
    package var words: String { "\(lowerBound) to \(upperBound)" }
}
