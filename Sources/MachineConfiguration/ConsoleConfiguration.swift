extension VMConfiguration {
    /// The guest's console.
    public struct Console: Encodable, Equatable, Sendable {
        public var device = Device.serial
        /// What becomes of its output, for a machine that is driven over a control channel; a machine on a terminal
        /// prints there.
        public var output = Output.events

        /// What it is to the guest.
        public enum Device: String, Codable, CaseIterable, Sendable {
            /// A 16550 serial port: there from the kernel's first line on.
            case serial
            /// A virtio console, faster and with a size: there once the kernel has its driver.
            case virtio
        }

        public enum Output: Hashable, Sendable {
            /// The control channel's client is told.
            case events
            /// It goes to Swiftlet's stderr.
            case inherit
            case discard
            /// It is added to the end of a file, which is made unless it exists.
            case file(path: String)
        }

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case device, output
        }

        /// The file that the output goes to.
        var path: String? {
            if case .file(let path) = output { path } else { nil }
        }
    }
}

extension VMConfiguration.Console.Output: RawRepresentable, Codable {
    private static let filePrefix = "file:"

    public init?(rawValue: String) {
        switch rawValue {
        case "events": self = .events
        case "inherit": self = .inherit
        case "discard": self = .discard
        case _ where rawValue.hasPrefix(Self.filePrefix) && rawValue != Self.filePrefix:
            self = .file(path: String(rawValue.dropFirst(Self.filePrefix.count)))
        default: return nil
        }
    }

    public var rawValue: String {
        switch self {
        case .events: "events"
        case .inherit: "inherit"
        case .discard: "discard"
        case .file(let path): Self.filePrefix + path
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let output = Self(rawValue: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not possible; use events, inherit, discard or file:PATH")
        }
        self = output
    }
}

extension VMConfiguration.Console: DescribedObject {
    package static let summary = "The guest's console."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .device:
            .optional(
                Device.self, "What it is to the guest: COM1, or hvc0, which needs the kernel's driver", usual: "serial")
        case .output:
            .optional(
                Output.self,
                """
                Where its output goes under 'swiftlet serve': to the client, to Swiftlet's stderr, nowhere, or to the \
                end of a file
                """, usual: "events")
        }
    }
}

extension VMConfiguration.Console.Device: Described {}

extension VMConfiguration.Console.Output: Described {
    package static var schema: Schema {
        .text(
            .init(
                pattern: #"^(events|inherit|discard|file:[^\u0000]+)$"#,
                meaning: "events, inherit, discard or file:PATH", examples: ["events", "file:console.log"]))
    }
}
