import Machine
import MachineConfiguration

/// What a decoder found wrong with a text that is JSON: where, what is there, and what is allowed.
package struct DecodingProblem {
    /// What is longer is shortened in messages, to so many characters.
    private static let longestValue = 60

    package let place: JSONPointer
    /// As it is written in the text; nil for a field that is not there.
    package let value: String?
    /// What is allowed.
    package let problem: String

    /// - Parameters:
    ///   - error: what decoding the text has thrown.
    ///   - start: names that are before each place in the error, and no part of places for whoever wrote the text.
    ///   - schema: of what is there.
    package init(_ error: DecodingError, in text: [UInt8], after start: [String] = [], schema: Schema) {
        var path: [any CodingKey]
        let said: String
        var isMissing = false
        switch error {
        case .keyNotFound(let key, let context):
            path = context.codingPath + [key]
            said = "it is missing"
            isMissing = true
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            path = context.codingPath
            said = context.debugDescription
        @unknown default:
            path = []
            said = "\(error)"
        }
        let whole = JSONPointer(path)
        path.removeFirst(min(start.count, path.count))
        place = JSONPointer(path)
        value = isMissing ? nil : JSONText.range(of: whole, in: text).map { Self.shortened(text[$0]) }

        let expected = schema.at(path)
        let isOfWrongKind =
            switch error {
            case .typeMismatch, .valueNotFound: true
            default: false
            }
        if let expected, isMissing {
            problem = "\(said); give \(expected.meaning)"
        } else if let expected, isOfWrongKind || !expected.isCompound {
            problem = "it must be \(expected.meaning)"
        } else {
            problem = said
        }
    }

    private static func shortened(_ bytes: ArraySlice<UInt8>) -> String {
        let text = String(decoding: bytes.prefix(4 * longestValue), as: UTF8.self)
        let isWhole = text.count <= longestValue && bytes.count <= 4 * longestValue
        let line = text.prefix(longestValue).map { $0.isNewline ? " " : $0 }
        return String(line) + (isWhole ? "" : "…")
    }
}

extension DecodingProblem: CustomStringConvertible {
    package var description: String {
        let subject = [place.description, value ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
        return subject.isEmpty ? problem : "\(subject): \(problem)"
    }
}
