import MachineConfiguration

/// Why a request was not granted, for programs and for people.
public struct ControlError: Error, Codable, Equatable, Sendable {
    public enum Kind: String, Codable, CaseIterable, Sendable {
        /// A parameter is wrong; `field` names it.
        case invalidArgument
        /// What the request names is not there.
        case notFound
        /// The machine is not in a state for it.
        case invalidState
        case unsupported
        case permission
        /// The host, or a limit of this server, has no more of something.
        case resource
        case timeout
        /// The request was given up before there was an answer.
        case cancelled
        /// The guest did not play along.
        case guest
        case kvm
        case io
        /// A mistake of this server.
        case `internal`
    }

    public var kind: Kind
    /// What failed, on what, and why.
    public var message: String
    /// A JSON pointer (RFC 6901) to what is wrong: from the parameters on, such as `/config/kernel/path`, or, in a message that
    /// is no request, from the message on.
    public var field: String?
    /// What to do about it.
    public var hint: String?
    /// The system call's error number.
    public var errno: Int32?

    public init(_ kind: Kind, _ message: String, field: String? = nil, hint: String? = nil, errno: Int32? = nil) {
        self.kind = kind
        self.message = message
        self.field = field
        self.hint = hint
        self.errno = errno
    }
}

extension ControlError: CustomStringConvertible {
    public var description: String { message + (hint.map { "; \($0)" } ?? "") }
}

extension ControlError.Kind: Described {}

extension ControlError: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case kind, message, field, hint, errno
    }

    package static let summary = "Why a request was not granted: the 'data' of its error."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .kind: .required(Kind.self, "What kind of reason it is, for programs")
        case .message: .required(String.self, "What failed, on what, and why, for people")
        case .field:
            .optional(
                String.self,
                """
                A JSON pointer (RFC 6901) to what is wrong: from the parameters on, such as /config/kernel/path, or, in a \
                message that is no request (error -32600), from the message on
                """)
        case .hint: .optional(String.self, "What to do about it")
        case .errno: .optional(Int32.self, "The number of a system call's error (errno(3))")
        }
    }
}
