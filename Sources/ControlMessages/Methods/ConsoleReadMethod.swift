import MachineConfiguration

/// Reads what the guest has printed on its console.
public enum ConsoleRead: ControlMethod {
    public static let name = "console.read"

    public struct Params: Codable, Equatable, Sendable {
        /// How many bytes of the guest's first ones not to read.
        public var offset: UInt64 = 0
        /// Whether to wait for more where there is nothing.
        public var wait = false

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case offset, wait
        }

        public init(offset: UInt64 = 0, wait: Bool = false) {
            self.offset = offset
            self.wait = wait
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            try fields.read(.offset, into: &offset)
            try fields.read(.wait, into: &wait)
        }
    }

    public struct Result: Codable, Equatable, Sendable {
        /// Of the first byte: larger than asked for where older ones are not kept any more.
        public var offset: UInt64
        public var text: ConsoleText
        /// Of what will be printed next.
        public var next: UInt64

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case offset, data, base64, next
        }

        package init(offset: UInt64, text: ConsoleText, next: UInt64) {
            self.offset = offset
            self.text = text
            self.next = next
        }

        public init(from decoder: any Decoder) throws {
            let fields = try Fields<CodingKeys>(of: decoder)
            offset = try fields.require(.offset)
            text = try ConsoleText(fields, data: .data, base64: .base64, of: decoder)
            next = try fields.require(.next)
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(offset, forKey: .offset)
            try text.encode(to: &container, data: .data, base64: .base64)
            try container.encode(next, forKey: .next)
        }
    }
}

extension ConsoleRead {
    package static let summary = """
        Reads what the guest has printed on its console, of which the last 64 KiB at least are kept. With 'wait', answered once \
        there is something.
        """
    package static let errorKinds: [ControlError.Kind] = [.resource]
}

extension ConsoleRead.Params: DescribedObject {
    package static let summary = "Where to read on."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .offset:
            .optional(UInt64.self, "How many bytes of the guest's first ones not to read, as 'next' told", usual: 0)
        case .wait: .optional(Bool.self, "Whether to wait for more where there is nothing", usual: false)
        }
    }
}

extension ConsoleRead.Result: DescribedObject {
    package static let summary = "What a guest has printed."
    package static let alternatives = [CodingKeys.data, .base64]

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .offset:
            .required(UInt64.self, "Of its first byte; larger than asked for where older ones are not kept any more")
        case .data: ConsoleText.describe(.data)
        case .base64: ConsoleText.describe(.base64)
        case .next: .required(UInt64.self, "The offset of what the guest prints next")
        }
    }
}
