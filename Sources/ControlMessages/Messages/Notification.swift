/// What the server tells without being asked.
public protocol ControlNotification: Codable, Sendable {
    static var method: String { get }
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

/// What the server takes no more of.
public struct Limits: Codable, Equatable, Sendable {
    /// Bytes in a line, without its end.
    public var maxLine: Int

    package init(maxLine: Int) {
        self.maxLine = maxLine
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

extension VMEnding: ControlNotification {
    public static let method = "vm.exited"
}

/// What the guest's console printed: whole characters, or bytes that are none.
extension ConsoleText: ControlNotification {
    public static let method = "console.output"
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

/// Something that whoever looks after the machine may want to know.
public struct LogLine: ControlNotification, Equatable {
    public static let method = "log.line"

    public enum Level: String, Codable, Sendable {
        case info, warning, error
    }

    public var level: Level
    public var message: String

    package init(level: Level, message: String) {
        self.level = level
        self.message = message
    }
}
