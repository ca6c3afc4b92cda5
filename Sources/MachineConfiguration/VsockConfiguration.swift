extension VMConfiguration {
    /// Connections between programs of the guest and Unix sockets of the host.
    public struct Vsock: Encodable, Equatable, Sendable {
        /// The guest's context, 3 to 4294967294.
        public var cid: UInt64
        /// Where programs on the host connect to; those of the guest reach this path with `_PORT` added.
        public var socket: String

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case cid, socket
        }

        public init(cid: UInt64, socket: String) {
            self.cid = cid
            self.socket = socket
        }

        /// Contexts that a guest can have: those below have a meaning of their own, and the highest stands for any.
        static let contexts: ClosedRange<UInt64> = 3...0xFFFF_FFFE
        /// That of a guest for which none was given: nothing but its agent uses it.
        package static let usualContext = contexts.lowerBound
        /// Bytes of the longest path: those of the guest's ports are longer by an underscore and ten digits.
        static let longestPath = VMConfiguration.longestSocketPath - 11

        func validate() throws(ConfigurationError) {
            guard Self.contexts.contains(cid) else {
                throw ConfigurationError(
                    field: "/vsock/cid", value: "\(cid)", problem: "a guest's context is \(Self.contexts.words)")
            }
            guard !socket.isEmpty, !socket.utf8.contains(0) else {
                throw ConfigurationError(
                    field: "/vsock/socket", value: "'\(socket)'", problem: "it must be a path for a socket")
            }
            guard socket.utf8.count <= Self.longestPath else {
                throw ConfigurationError(
                    field: "/vsock/socket", value: "'\(socket)'",
                    problem: """
                        it has \(socket.utf8.count) bytes, where \(Self.longestPath) is the most that leaves \
                        room for a port; use a shorter path, or one relative to the working directory
                        """)
            }
        }
    }
}

extension VMConfiguration.Vsock: DescribedObject {
    package static let summary = "Connections between programs of the guest and Unix sockets of the host."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .cid: .required(.integer(Self.contexts), "The guest's context")
        case .socket:
            .required(
                .path(atMost: Self.longestPath),
                """
                A Unix socket where programs on the host connect to the guest's; those of the guest reach this path \
                with '_PORT' added
                """)
        }
    }
}
