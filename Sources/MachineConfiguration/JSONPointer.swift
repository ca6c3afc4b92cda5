/// A place in a JSON document (RFC 6901), such as `/disks/0/path`.
package struct JSONPointer: Equatable, Sendable {
    /// The names of fields and the indices of elements that lead there; none for the document itself.
    package let steps: [String]

    private init(steps: [String]) {
        self.steps = steps
    }

    package init(_ path: some Sequence<any CodingKey>) {
        steps = path.map { $0.intValue.map(String.init) ?? $0.stringValue }
    }

    /// - Parameter text: as `description` has it.
    package init(_ text: String) {
        steps = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { Self.unescaped($0) }
    }

    /// What it is directly within; nil for the document itself.
    package var parent: JSONPointer? { steps.isEmpty ? nil : JSONPointer(steps: steps.dropLast()) }

    private static func unescaped(_ step: Substring) -> String {
        step.split(separator: "~1", omittingEmptySubsequences: false)
            .map { $0.split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~") }
            .joined(separator: "/")
    }

    private static func escaped(_ step: String) -> String {
        step.reduce(into: "") { text, character in
            switch character {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.append(character)
            }
        }
    }
}

extension JSONPointer: CustomStringConvertible {
    package var description: String { steps.map { "/" + Self.escaped($0) }.joined() }
}
