/// Why a request was not granted, for programs and for people.
public struct ControlError: Error, Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable {
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
    /// The parameter's path, such as `config.kernel.path`.
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
