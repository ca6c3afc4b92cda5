import MachineConfiguration

/// How a command ended.
public struct CommandEnd: Codable, Equatable, Sendable {
    public enum Limit: String, Codable, CaseIterable, Sendable {
        /// A process was killed for want of memory.
        case memory
        /// There were too many processes.
        case processes
        /// The file system of its root has no room left.
        case disk
    }

    /// What it exited with; nil where a signal ended it, or nobody knows.
    public var code: UInt8?
    /// The signal that ended it.
    public var signal: UInt8?
    /// Limits that it, or another command meanwhile, ran into.
    public var limits: [Limit] = []
    /// Processor time in milliseconds.
    public var userMs: UInt64?
    public var systemMs: UInt64?
    /// The most memory that one process had resident.
    public var maxResidentKiB: UInt64?
    /// Why its end, or a part of its output, is not known.
    public var message: String?

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case code, signal, limits, userMs, systemMs, maxResidentKiB, message
    }

    package init() {}
}

extension CommandEnd.Limit: Described {}

extension CommandEnd: DescribedObject {
    package static let summary = "How a command ended."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .code: .optional(UInt8.self, "What it exited with")
        case .signal: .optional(.integer(1...127 as ClosedRange<UInt8>), "The signal that ended it")
        case .limits: .required([Limit].self, "Limits that it, or another command meanwhile, ran into")
        case .userMs: .optional(UInt64.self, "Processor time in user mode, in milliseconds")
        case .systemMs: .optional(UInt64.self, "Processor time in the guest's kernel, in milliseconds")
        case .maxResidentKiB: .optional(UInt64.self, "The most memory that one process had resident, in KiB")
        case .message: .optional(String.self, "Why its end, or a part of its output, is not known")
        }
    }
}

/// A command wrote something.
public struct ExecOutput: ControlNotification, Equatable {
    public static let method = "exec.output"

    public enum Stream: String, Codable, CaseIterable, Sendable {
        case stdout, stderr
    }

    public var id: UInt32
    public var stream: Stream
    public var text: ConsoleText

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id, stream, data, base64
    }

    package init(id: UInt32, stream: Stream, text: ConsoleText) {
        self.id = id
        self.stream = stream
        self.text = text
    }

    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        id = try fields.require(.id)
        stream = try fields.require(.stream)
        text = try ConsoleText(fields, data: .data, base64: .base64, of: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(stream, forKey: .stream)
        try text.encode(to: &container, data: .data, base64: .base64)
    }
}

extension ExecOutput.Stream: Described {}

extension ExecOutput {
    package static let summary = "What a command wrote."
    package static let occasion = "A command in the guest wrote something. No character is ever cut."
    package static let alternatives = [CodingKeys.data, .base64]

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(UInt32.self, "The command, as exec.start has called it")
        case .stream: .required(Stream.self, "Where it wrote; a terminal is stdout")
        case .data: ConsoleText.describe(.data)
        case .base64: ConsoleText.describe(.base64)
        }
    }
}

/// A command has ended.
public struct ExecExited: ControlNotification, Equatable {
    public static let method = "exec.exited"

    public var id: UInt32
    public var end: CommandEnd

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id, end
    }

    package init(id: UInt32, end: CommandEnd) {
        self.id = id
        self.end = end
    }
}

extension ExecExited {
    package static let summary = "A command that has ended."
    package static let occasion = "A command in the guest has ended. All of its output was told before."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(UInt32.self, "The command, as exec.start has called it")
        case .end: .required(CommandEnd.self, "How it ended")
        }
    }
}
