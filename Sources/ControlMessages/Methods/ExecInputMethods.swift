import FoundationEssentials
import MachineConfiguration

/// Gives a command input.
public enum ExecWrite: ControlMethod {
    public static let name = "exec.write"

    public struct Params: Codable, Equatable, Sendable {
        public var id: UInt32
        public var text: ConsoleText
        /// Whether the answer comes only once the command has taken all of it.
        public var wait = false

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id, data, base64, wait
        }

        public init(id: UInt32, text: ConsoleText, wait: Bool = false) {
            self.id = id
            self.text = text
            self.wait = wait
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            id = try fields.require(.id)
            text = try ConsoleText(fields, data: .data, base64: .base64, of: decoder)
            try fields.read(.wait, into: &wait)
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(id, forKey: .id)
            try text.encode(to: &container, data: .data, base64: .base64)
            if wait { try container.encode(wait, forKey: .wait) }
        }
    }

    public typealias Result = NoFields
}

extension ExecWrite {
    package static let summary = """
        Gives a command input. Answered when the bytes are on their way, which the command takes when it likes, or with \
        'wait' once it has. When too many wait for it already, none is taken, and the error is of kind resource.
        """
    package static let errorKinds: [ControlError.Kind] = [.notFound, .invalidState, .unsupported, .resource]
}

extension ExecWrite.Params: DescribedObject {
    package static let summary = "Input for a command."
    package static let alternatives = [CodingKeys.data, .base64]

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: commandID
        case .data: ConsoleText.describe(.data)
        case .base64: ConsoleText.describe(.base64)
        case .wait:
            .optional(
                Bool.self, "Whether the answer comes only once the command has taken all input, or ended", usual: false)
        }
    }
}

/// Ends a command's input.
public enum ExecCloseStdin: ControlMethod {
    public static let name = "exec.closeStdin"
    public typealias Params = CommandID
    public typealias Result = NoFields
}

extension ExecCloseStdin {
    package static let summary = "Ends a command's input, once it has taken what was written before."
    package static let errorKinds: [ControlError.Kind] = [.notFound, .invalidState, .unsupported]
}

/// Sends a signal to a command's process group.
public enum ExecSignal: ControlMethod {
    public static let name = "exec.signal"

    public struct Params: Codable, Equatable, Sendable {
        public var id: UInt32
        /// Linux's.
        public var signal: Int32

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id, signal
        }

        package static let signals: ClosedRange<Int32> = 1...64

        public init(id: UInt32, signal: Int32) {
            self.id = id
            self.signal = signal
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            id = try fields.require(.id)
            signal = try fields.require(.signal)
            guard Self.signals.contains(signal) else {
                throw DecodingError.dataCorrupted(
                    .init(
                        codingPath: decoder.codingPath + [CodingKeys.signal],
                        debugDescription: "a signal is \(Self.signals.words), such as 15 to end it"))
            }
        }
    }

    public typealias Result = NoFields
}

extension ExecSignal {
    package static let summary = "Sends a signal to a command's process group. Answered when it is on its way."
    package static let errorKinds: [ControlError.Kind] = [.notFound, .invalidState, .unsupported]
}

extension ExecSignal.Params: DescribedObject {
    package static let summary = "A signal for a command."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: commandID
        case .signal: .required(.integer(signals), "Its number in Linux, such as 15 to end it")
        }
    }
}

/// Gives a command's terminal another size.
public enum ExecResize: ControlMethod {
    public static let name = "exec.resize"

    public struct Params: Codable, Equatable, Sendable {
        public var id: UInt32
        public var rows: UInt16
        public var columns: UInt16

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id, rows, columns
        }

        public init(id: UInt32, rows: UInt16, columns: UInt16) {
            self.id = id
            self.rows = rows
            self.columns = columns
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            id = try fields.require(.id)
            rows = try fields.require(.rows)
            columns = try fields.require(.columns)
        }
    }

    public typealias Result = NoFields
}

extension ExecResize {
    package static let summary = "Gives a command's terminal another size, if it has a terminal."
    package static let errorKinds: [ControlError.Kind] = [.notFound, .invalidState, .unsupported]
}

extension ExecResize.Params: DescribedObject {
    package static let summary = "A new size for a command's terminal."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: commandID
        case .rows: .required(UInt16.self, "Rows")
        case .columns: .required(UInt16.self, "Columns")
        }
    }
}

/// Says that output of a command's has been taken, so that more may come.
public enum ExecAck: ControlMethod {
    public static let name = "exec.ack"

    public struct Params: Codable, Equatable, Sendable {
        public var id: UInt32
        /// As many more bytes may be told, of both outputs together.
        public var bytes: Int

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id, bytes
        }

        public init(id: UInt32, bytes: Int) {
            self.id = id
            self.bytes = bytes
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            id = try fields.require(.id)
            bytes = try fields.require(.bytes)
            guard bytes >= 0 else {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: decoder.codingPath + [CodingKeys.bytes], debugDescription: "use 0 or more bytes"))
            }
        }
    }

    public typealias Result = NoFields
}

extension ExecAck {
    package static let summary = """
        Says that the client is done with so many bytes of a command's output, of both streams together, so that as many more \
        may come. Of no effect for a command that was started without a window, or has ended.
        """
    package static let errorKinds: [ControlError.Kind] = [.notFound, .invalidState, .unsupported]
}

extension ExecAck.Params: DescribedObject {
    package static let summary = "Output that the client is done with."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: commandID
        case .bytes: .required(.integer(0...Int.max), "How many bytes, before base64")
        }
    }
}

/// Waits for a command's end.
public enum ExecWait: ControlMethod {
    public static let name = "exec.wait"
    public typealias Params = CommandID
    public typealias Result = CommandEnd
}

extension ExecWait {
    package static let summary = """
        Waits for a command's end, and is answered at once for one that has ended, as long as it is among the last 1024. All of \
        its output was told before.
        """
    package static let errorKinds: [ControlError.Kind] = [.notFound, .invalidState, .unsupported, .resource]
}

/// The parameters of a method that needs nothing but to know which command.
public struct CommandID: Codable, Equatable, Sendable {
    public var id: UInt32

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id
    }

    public init(id: UInt32) {
        self.id = id
    }

    public init(from decoder: any Decoder) throws {
        id = try Fields<CodingKeys>(of: decoder).require(.id)
    }
}

extension CommandID: DescribedObject {
    package static let summary = "A command."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: commandID
        }
    }
}

private var commandID: FieldDescription { .required(UInt32.self, "The command, as exec.start has called it") }
