import MachineConfiguration

/// What the server tells without being asked.
package protocol ControlNotification: Codable, Sendable, DescribedObject {
    static var method: String { get }
    /// What is told by it, and when, in sentences.
    static var occasion: String { get }
}

/// A notification on the line (JSON-RPC 2.0 §4.1).
package struct NotificationMessage<Params: ControlNotification>: Encodable {
    let jsonrpc = "2.0"
    let method = Params.method
    let params: Params

    package init(params: Params) {
        self.params = params
    }
}

/// The server's first message.
public struct Hello: ControlNotification {
    public static let method = "hello"
    /// The version of the protocol that these messages are of: a new major number breaks clients.
    package static let currentProtocol = "1.0"

    /// The version of the protocol that the server speaks.
    public var `protocol`: String
    /// Swiftlet's.
    public var version: String
    public var pid: Int32
    /// The methods there are.
    public var capabilities: [String]
    public var limits: Limits

    package init(protocol: String, version: String, pid: Int32, capabilities: [String], limits: Limits) {
        self.protocol = `protocol`
        self.version = version
        self.pid = pid
        self.capabilities = capabilities
        self.limits = limits
    }

    /// Whether a client that knows these messages understands the server.
    package var isUnderstood: Bool {
        `protocol`.split(separator: ".").first == Self.currentProtocol.split(separator: ".").first
    }
}

extension Hello {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case `protocol`, version, pid, capabilities, limits
    }

    package static let summary = "What a server is."
    package static let occasion = "The server's first message. It comes once, before anything else."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .protocol:
            .required(String.self, "The version of this protocol, such as 1.0; a new major number breaks clients")
        case .version: .required(String.self, "Swiftlet's version")
        case .pid: .required(.integer(1...Int32.max), "The process that the server, and its machine, is")
        case .capabilities: .required([String].self, "The names of the methods there are, in order")
        case .limits: .required(Limits.self, "What the server takes no more of")
        }
    }
}

/// What the server takes no more of.
public struct Limits: Codable, Equatable, Sendable {
    /// Bytes in a line, without its end.
    public var maxLine: Int

    package init(maxLine: Int) {
        self.maxLine = maxLine
    }
}

extension Limits: DescribedObject {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case maxLine
    }

    package static let summary = "What a server takes no more of."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .maxLine: .required(.integer(1...Int.max), "Bytes in a line of the client's, without its end")
        }
    }
}

public struct VMStateChanged: ControlNotification, Equatable {
    public static let method = "vm.state"

    public var from: VMState
    public var to: VMState
    /// What brought the change about.
    public var reason: String

    package init(from: VMState, to: VMState, reason: String) {
        self.from = from
        self.to = to
        self.reason = reason
    }
}

extension VMStateChanged {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case from, to, reason
    }

    package static let summary = "A machine's change from one state to another."
    package static let occasion = "The machine has come into another state. It comes before the answer to the request."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .from: .required(VMState.self, "The state it was in")
        case .to: .required(VMState.self, "The state it is in")
        case .reason: .required(String.self, "What brought the change about, in a word or two")
        }
    }
}

extension VMEnding: ControlNotification {
    public static let method = "vm.exited"
    package static let occasion = "The machine has stopped. All output of its console was told before."
}

/// What the guest's console printed: whole characters, or bytes that are none.
extension ConsoleText: ControlNotification {
    public static let method = "console.output"
    package static let occasion = "The guest's console printed something. No character is ever cut."
}

/// The guest's kernel gave up.
public struct GuestPanic: ControlNotification, Equatable {
    public static let method = "guest.panic"

    /// The reason that it printed; empty where it printed none.
    public var text: String

    package init(text: String) {
        self.text = text
    }
}

extension GuestPanic {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case text
    }

    package static let summary = "A guest's kernel that gave up."
    package static let occasion = "The guest's kernel panicked. It comes before vm.exited."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .text: .required(String.self, "The reason that it printed; empty where it printed none")
        }
    }
}

/// Something that whoever looks after the machine may want to know.
public struct LogLine: ControlNotification, Equatable {
    public static let method = "log.line"

    public enum Level: String, Codable, CaseIterable, Sendable {
        case info, warning, error
    }

    public var level: Level
    public var message: String

    package init(level: Level, message: String) {
        self.level = level
        self.message = message
    }
}

extension LogLine.Level: Described {}

extension LogLine {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case level, message
    }

    package static let summary = "Something that whoever looks after a machine may want to know."
    package static let occasion = "Something happened that is no answer to a request."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .level: .required(Level.self, "How serious it is")
        case .message: .required(String.self, "What happened, for people")
        }
    }
}
