extension VMConfiguration {
    /// A memory balloon, by which the guest gives memory back to the host.
    public struct Balloon: Encodable, Equatable, Sendable {
        /// How much of its memory the guest is to give back at first.
        public var size = ByteSize(bytes: 0)
        /// Whether the guest may take memory back when it would have to kill a process otherwise.
        public var deflateOnOOM = true
        /// Seconds between two requests for the guest's statistics; 0 for none but those it gives at its start.
        public var statisticsInterval: UInt32 = 0

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case size, deflateOnOOM, statisticsInterval
        }

        public init() {}
    }
}

extension VMConfiguration.Balloon: DescribedObject {
    package static let summary = "A memory balloon, by which the guest gives memory back to the host."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .size:
            .optional(
                ByteSize.self, "How much of its memory the guest is to give back at first, all of it at most",
                usual: "0")
        case .deflateOnOOM:
            .optional(
                Bool.self, "Whether the guest may take memory back when it would have to kill a process otherwise",
                usual: true)
        case .statisticsInterval:
            .optional(
                UInt32.self,
                "Seconds between two requests for the guest's statistics, or 0 for none but those at its start",
                usual: 0)
        }
    }
}
