/// A field of the configuration that cannot be used: which, its value, and what is allowed.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// A JSON pointer (RFC 6901) into the configuration, such as `/kernel/path`.
    public let field: String
    public let value: String
    public let problem: String

    package init(field: String, value: String, problem: String) {
        self.field = field
        self.value = value
        self.problem = problem
    }

    public var description: String { "\(field) \(value): \(problem)" }
}
