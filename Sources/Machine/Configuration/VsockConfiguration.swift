import Devices

extension VMConfiguration {
    /// Connections between programs of the guest and Unix sockets of the host (`VsockDevice`).
    public struct Vsock: Encodable, Equatable, Sendable {
        /// The guest's context, 3 to 4294967294.
        public var cid: UInt64
        /// Where programs on the host connect to; those of the guest reach this path with `_PORT` added.
        public var socket: String

        enum CodingKeys: String, CodingKey, CaseIterable {
            case cid, socket
        }

        public init(cid: UInt64, socket: String) {
            self.cid = cid
            self.socket = socket
        }

        func validate() throws(ConfigurationError) {
            guard VsockDevice.contexts.contains(cid) else {
                throw ConfigurationError(
                    field: "vsock.cid", value: "\(cid)",
                    problem:
                        "a guest's context is \(VsockDevice.contexts.lowerBound) to \(VsockDevice.contexts.upperBound)"
                )
            }
            guard !socket.isEmpty, !socket.utf8.contains(0) else {
                throw ConfigurationError(
                    field: "vsock.socket", value: "'\(socket)'", problem: "it must be a path for a socket")
            }
            guard socket.utf8.count <= VsockDevice.longestPath else {
                throw ConfigurationError(
                    field: "vsock.socket", value: "'\(socket)'",
                    problem: """
                        it has \(socket.utf8.count) bytes, where \(VsockDevice.longestPath) is the most that leaves \
                        room for a port; use a shorter path, or one relative to the working directory
                        """)
            }
        }
    }
}
