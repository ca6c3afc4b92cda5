extension VMConfiguration {
    /// A network card, connected to one of `tap`, `fd` and `user`.
    public struct Net: Encodable, Equatable, Sendable {
        /// Unlike that of any other card.
        public var id: String
        /// The name of a tap interface.
        public var tap: String?
        /// An open descriptor of a tap interface, which the machine takes over.
        public var fd: Int32?
        /// Whether it is connected through passt, with the network that the host's user has.
        public var user: Bool?
        /// The card's address; by default a random one.
        public var mac: MACAddress?
        /// Bytes of the largest packet, 68 to 65520; by default that of the tap.
        public var mtu: UInt16?
        /// Pairs of queues, 1 to 8; more than 1 only on a tap that was made for several.
        public var queues: Int?
        /// A limit for each direction, at least 1000.
        public var bytesPerSecond: UInt64?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id, tap, fd, user, mac, mtu, queues, bytesPerSecond
        }

        public init(id: String) {
            self.id = id
        }

        /// The field that says what it is connected to.
        package var backendField: String { (tap != nil ? CodingKeys.tap : fd != nil ? .fd : .user).rawValue }

        /// What both taps and passt can have.
        static let mtuRange: ClosedRange<UInt16> = 68...65_520
        static let queueRange = 1...8
        static let bytesPerSecondRange: ClosedRange<UInt64> = 1000 ... .max
        /// The standard streams are not for cards.
        static let descriptorRange: ClosedRange<Int32> = 3 ... .max

        /// - Parameter field: the pointer to this card.
        func validate(field: String) throws(ConfigurationError) {
            let backends = [tap.map { "'\($0)'" }, fd.map(String.init), user == true ? "user" : nil].compactMap { $0 }
            guard backends.count == 1 else {
                throw ConfigurationError(
                    field: field, value: "'\(id)'",
                    problem: "it must be connected to one of 'tap', 'fd' and 'user', and to no more than one")
            }
            if let tap, tap.isEmpty {
                throw ConfigurationError(field: "\(field)/tap", value: "''", problem: "it must name an interface")
            }
            if let fd, !Self.descriptorRange.contains(fd) {
                throw ConfigurationError(
                    field: "\(field)/fd", value: "\(fd)",
                    problem:
                        "it must be \(Self.descriptorRange.lowerBound) at least: 0, 1 and 2 are the standard streams'")
            }
            if let mac, mac.isGroup || mac.isZero {
                throw ConfigurationError(
                    field: "\(field)/mac", value: "\(mac)",
                    problem: "a card's own address has an even first byte and is not all zeros")
            }
            if let mtu, !Self.mtuRange.contains(mtu) {
                throw ConfigurationError(
                    field: "\(field)/mtu", value: "\(mtu)", problem: "it must be \(Self.mtuRange.words)")
            }
            if let queues, !Self.queueRange.contains(queues) || tap == nil && queues != 1 {
                throw ConfigurationError(
                    field: "\(field)/queues", value: "\(queues)",
                    problem: tap == nil
                        ? "only a tap named by 'tap' can have several" : "it must be \(Self.queueRange.words)")
            }
            if let bytesPerSecond, !Self.bytesPerSecondRange.contains(bytesPerSecond) {
                throw ConfigurationError(
                    field: "\(field)/bytesPerSecond", value: "\(bytesPerSecond)",
                    problem: "it must be \(Self.bytesPerSecondRange.lowerBound) at least")
            }
        }
    }

    func validateNets() throws(ConfigurationError) {
        var ids: Set<String> = []
        var taps: Set<String> = []
        var descriptors: Set<Int32> = []
        var macs: Set<MACAddress> = []
        for (index, net) in nets.enumerated() {
            let field = "/nets/\(index)"
            try net.validate(field: field)
            guard !net.id.isEmpty, ids.insert(net.id).inserted else {
                throw ConfigurationError(
                    field: "\(field)/id", value: "'\(net.id)'", problem: "each card must have a name of its own")
            }
            if let tap = net.tap, !taps.insert(tap).inserted {
                throw ConfigurationError(
                    field: "\(field)/tap", value: "'\(tap)'", problem: "another card is connected to it already")
            }
            if let fd = net.fd, !descriptors.insert(fd).inserted {
                throw ConfigurationError(
                    field: "\(field)/fd", value: "\(fd)", problem: "another card is connected to it already")
            }
            if let mac = net.mac, !macs.insert(mac).inserted {
                throw ConfigurationError(
                    field: "\(field)/mac", value: "\(mac)", problem: "another card has that address already")
            }
        }
    }
}

extension VMConfiguration.Net: DescribedObject {
    package static let summary = "A network card, connected to one of 'tap', 'fd' and 'user'."
    package static let alternatives = [CodingKeys.tap, .fd, .user]

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(.name, "Its name, unlike that of any other device")
        case .tap: .optional(.name, "The name of a tap interface, which is made unless it exists")
        case .fd:
            .optional(
                .integer(descriptorRange),
                "The number of an open descriptor of a tap interface in the server's process, which the machine takes over"
            )
        case .user:
            .optional(
                Bool.self, "Whether it is connected through passt, with the network that the host's user has",
                usual: false)
        case .mac:
            .optional(
                MACAddress.self,
                "The card's address, with an even first byte and not all zeros; a random one unless it is given")
        case .mtu: .optional(.integer(mtuRange), "Bytes of the largest packet; as the tap has it unless it is given")
        case .queues:
            .optional(
                .integer(queueRange), "Pairs of queues; more than 1 only on a 'tap' that was made for several", usual: 1
            )
        case .bytesPerSecond:
            .optional(
                .integer(bytesPerSecondRange),
                "A limit for each direction, in bytes a second; there is none unless it is given")
        }
    }
}

extension MACAddress: Described {
    package static var schema: Schema {
        .text(
            .init(
                pattern: "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){\(length - 1)}$",
                meaning: "an address such as 52:54:00:12:34:56", examples: ["52:54:00:12:34:56"]))
    }
}
