import MachineConfiguration

/// Runs a command in a guest that has an agent. Answered when it has become the program.
public enum ExecStart: ControlMethod {
    public static let name = "exec.start"

    public struct Params: Codable, Equatable, Sendable {
        /// The program and its arguments.
        public var command: [String]
        public var environment: [String: String] = [:]
        /// In the guest; nil for its root.
        public var directory: String?
        /// The guest's.
        public var uid: UInt32 = 0
        public var gid: UInt32 = 0
        /// Nil for none.
        public var terminal: TerminalSize?
        /// Whether `exec.write` gives it input; without, its stdin is empty.
        public var stdin = false
        /// Bytes of its output that are told before an `exec.ack`; nil for no limit but the client's own reading.
        public var window: Int?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case command, environment, directory, uid, gid, terminal, stdin, window
        }

        public init(command: [String]) {
            self.command = command
        }

        package static let windows = 1...(1 << 30)

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            command = try fields.require(.command)
            try fields.read(.environment, into: &environment)
            try fields.read(.directory, into: &directory)
            try fields.read(.uid, into: &uid)
            try fields.read(.gid, into: &gid)
            try fields.read(.terminal, into: &terminal)
            try fields.read(.stdin, into: &stdin)
            try fields.read(.window, into: &window)
            func fail(_ key: CodingKeys, _ problem: String) -> DecodingError {
                .dataCorrupted(.init(codingPath: decoder.codingPath + [key], debugDescription: problem))
            }
            guard command.first?.isEmpty == false else { throw fail(.command, "it must name a program") }
            guard !command.contains(where: { $0.utf8.contains(0) }) else {
                throw fail(.command, "an argument has no NUL character in it")
            }
            let variables = environment.map { ($0.key, $0.value) }
            guard variables.allSatisfy({ !$0.0.isEmpty && !$0.0.contains("=") && !($0.0 + $0.1).utf8.contains(0) })
            else {
                throw fail(.environment, "a name is not empty and has no '=' in it, and neither it nor its value a NUL")
            }
            guard directory?.hasPrefix("/") != false, directory?.utf8.contains(0) != true else {
                throw fail(.directory, "it must be a path in the guest that begins with '/'")
            }
            guard window.map(Self.windows.contains) != false else {
                throw fail(.window, "use \(Self.windows.words) bytes")
            }
        }
    }

    public struct Result: Codable, Equatable, Sendable {
        /// Unlike that of any other command of the machine's.
        public var id: UInt32

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id
        }

        package init(id: UInt32) {
            self.id = id
        }
    }
}

extension ExecStart {
    /// What any command needs in its environment.
    package static func usualEnvironment(uid: UInt32) -> KeyValuePairs<String, String> {
        ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": uid == 0 ? "/root" : "/"]
    }

    package static let summary = """
        Runs a command in a guest with an agent. Answered when it has become the program, before any of its output is told, \
        and with an error of kind guest, notFound or permission when it could not. A guest that is still booting is waited \
        for.
        """
    package static let errorKinds: [ControlError.Kind] = [
        .invalidState, .unsupported, .guest, .notFound, .permission, .resource,
    ]
}

extension ExecStart.Params: DescribedObject {
    package static let summary = "A command to run in a guest."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .command:
            .required(
                [String].self,
                "The program, looked for in the PATH of its environment unless it has a slash, and its arguments")
        case .environment: .optional(.map(to: .text(.init())), "Its environment, which has nothing else")
        case .directory:
            .optional(
                .text(
                    .init(
                        pattern: #"^/[^\u0000]*$"#, meaning: "a path in the guest that begins with '/'",
                        examples: ["/tmp"])),
                "Its working directory; its root unless given")
        case .uid: .optional(UInt32.self, "The guest's user who runs it", usual: 0)
        case .gid: .optional(UInt32.self, "The guest's group", usual: 0)
        case .terminal: .optional(TerminalSize.self, "The size of its terminal; it has none unless given")
        case .stdin:
            .optional(Bool.self, "Whether exec.write gives it input; without, its stdin is empty", usual: false)
        case .window:
            .optional(
                .integer(windows),
                "Bytes of its output that are told before an exec.ack; no limit but the client's own reading unless given"
            )
        }
    }
}

extension ExecStart.Result: DescribedObject {
    package static let summary = "A command that runs."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(UInt32.self, "What the command is called from now on")
        }
    }
}

/// Rows and columns of characters.
public struct TerminalSize: Codable, Equatable, Sendable {
    public var rows: UInt16
    public var columns: UInt16

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case rows, columns
    }

    public init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }

    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init(rows: try fields.require(.rows), columns: try fields.require(.columns))
    }
}

extension TerminalSize: DescribedObject {
    package static let summary = "The size of a terminal, in characters."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .rows: .required(UInt16.self, "Rows")
        case .columns: .required(UInt16.self, "Columns")
        }
    }
}
