/// A command to run in the guest. Texts are bytes: those of arguments and the environment may be any but NUL.
public struct CommandRequest: Equatable, Sendable {
    public struct Limit: Equatable, Sendable {
        /// For no limit at all.
        public static let infinity = UInt64.max

        /// One of the guest's `RLIMIT_…`.
        public var resource: UInt32
        public var soft: UInt64
        public var hard: UInt64

        public init(resource: UInt32, soft: UInt64, hard: UInt64) {
            self.resource = resource
            self.soft = soft
            self.hard = hard
        }
    }

    public struct TerminalSize: Equatable, Sendable {
        public var rows: UInt16
        public var columns: UInt16

        public init(rows: UInt16, columns: UInt16) {
            self.rows = rows
            self.columns = columns
        }
    }

    /// What the agent does itself in place of a program, with a path in `root` as the only argument. Its process exits with
    /// the errno of what went wrong first, and tells where that was on its stderr.
    public enum Copy: Sendable {
        /// Makes files of what `TreeSender` has sent, which is its stdin.
        case receive
        /// Sends what is there to its stdout, for a `TreeReceiver`.
        case send
    }

    /// The program, looked for in the `PATH` of the environment unless it has a slash, and its arguments.
    public var arguments: [[UInt8]]
    /// As `NAME=VALUE`.
    public var environment: [[UInt8]] = []
    /// The working directory; empty for the root.
    public var directory: [UInt8] = []
    /// The directory of the guest's that the command has as its root; empty for the agent's own.
    public var root: [UInt8] = []
    public var uid: UInt32 = 0
    public var gid: UInt32 = 0
    /// Supplementary groups.
    public var groups: [UInt32] = []
    public var limits: [Limit] = []
    /// The size of the command's terminal; nil for none.
    public var terminal: TerminalSize?
    /// Nil for a program.
    public var copy: Copy?

    public init(_ arguments: [[UInt8]]) {
        self.arguments = arguments
    }

    public init(_ arguments: [String]) {
        self.init(arguments.map { Array($0.utf8) })
    }

    private var flags: UInt32 {
        let terminal: UInt32 = terminal == nil ? 0 : 1
        return switch copy {
        case .receive: terminal | 4
        case .send: terminal | 8
        case nil: terminal
        }
    }

    /// - Parameter hasInput: whether it has a stdin.
    /// - Throws: what is wrong with it.
    func frame(id: UInt32, hasInput: Bool) throws(CommandRequestError) -> [UInt8] {
        guard !arguments.isEmpty else { throw .noProgram }
        let texts = arguments + environment + [directory, root]
        guard !texts.contains(where: { $0.contains(0) }) else { throw .nulByte }
        for path in [directory, root] where !path.isEmpty && path.first != UInt8(ascii: "/") {
            throw .relativePath(String(decoding: path, as: UTF8.self))
        }
        var payload = PayloadWriter(.exec, id: id)
        payload.number(flags | UInt32(hasInput ? 2 : 0))
        payload.number(terminal?.rows ?? 0)
        payload.number(terminal?.columns ?? 0)
        payload.number(uid)
        payload.number(gid)
        payload.number(UInt32(clamping: groups.count))
        for group in groups { payload.number(group) }
        payload.number(UInt32(clamping: limits.count))
        for limit in limits {
            payload.number(limit.resource)
            payload.number(UInt32(0))
            payload.number(limit.soft)
            payload.number(limit.hard)
        }
        payload.text(root)
        payload.text(directory)
        payload.list(arguments)
        payload.list(environment)
        guard let frame = payload.finished() else { throw .tooLong }
        return frame
    }
}

/// Why a command cannot be asked for.
public enum CommandRequestError: Error, Equatable, CustomStringConvertible {
    case noProgram
    case nulByte
    case relativePath(String)
    case tooLong

    public var description: String {
        switch self {
        case .noProgram: "there is no command to run; name a program"
        case .nulByte: "an argument, a variable or a path has a NUL byte in it, which ends a text; leave it out"
        case .relativePath(let path): "'\(path)' is no path in the guest: give one that begins with '/'"
        case .tooLong:
            """
            the arguments and the environment take more than \(AgentProtocol.longestRequest) bytes together; \
            pass data through stdin or a file
            """
        }
    }
}
