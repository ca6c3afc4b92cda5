extension VMConfiguration {
    /// A named stream of bytes between a process in the guest and the host: `/dev/virtio-ports/NAME` there.
    public struct Port: Encodable, Equatable, Sendable {
        /// Letters, digits, `.`, `-` and `_`.
        public var name: String
        /// Where to listen for clients, one at a time: a Unix socket.
        public var socket: String?
        /// The file that the guest's output is appended to.
        public var file: String?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case name, socket, file
        }

        public init(name: String, socket: String? = nil, file: String? = nil) {
            self.name = name
            self.socket = socket
            self.file = file
        }
    }

    package static let mostPorts = 30
    static let longestPortName = 64
    /// Bytes of the longest path of a Unix socket (unix(7)).
    package static let longestSocketPath = 107

    func validatePorts() throws(ConfigurationError) {
        guard ports.count <= Self.mostPorts else {
            throw ConfigurationError(
                field: "/ports", value: "of \(ports.count)", problem: "a machine has at most \(Self.mostPorts) ports")
        }
        for (index, port) in ports.enumerated() {
            try port.validate(field: "/ports/\(index)")
            guard !ports[..<index].contains(where: { $0.name == port.name }) else {
                throw ConfigurationError(
                    field: "/ports/\(index)/name", value: "'\(port.name)'", problem: "another port has this name")
            }
        }
    }
}

extension VMConfiguration.Port {
    func validate(field: String) throws(ConfigurationError) {
        let isSound = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isSound, !name.isEmpty, name.utf8.count <= VMConfiguration.longestPortName, name != ".", name != ".."
        else {
            throw ConfigurationError(
                field: "\(field)/name", value: "'\(name)'",
                problem: """
                    it must be 1 to \(VMConfiguration.longestPortName) letters, digits, '.', '-' and '_', as it becomes a \
                    file name in the guest
                    """)
        }
        guard (socket == nil) != (file == nil) else {
            throw ConfigurationError(
                field: field, value: "'\(name)'", problem: "it needs a socket or a file, and not both")
        }
        if let path = socket ?? file, path.isEmpty || path.utf8.contains(0) {
            throw ConfigurationError(
                field: "\(field)/\(socket == nil ? "file" : "socket")", value: "'\(path)'",
                problem: "it must name a file")
        }
        if let socket, socket.utf8.count > VMConfiguration.longestSocketPath {
            throw ConfigurationError(
                field: "\(field)/socket", value: "'\(socket)'",
                problem: """
                    a socket's path has at most \(VMConfiguration.longestSocketPath) bytes; a relative one is shorter
                    """)
        }
    }
}

extension VMConfiguration.Port: DescribedObject {
    package static let summary =
        "A named stream of bytes between a process in the guest and the host, connected to one of 'socket' and 'file'."
    package static let alternatives = [CodingKeys.socket, .file]

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .name:
            .required(
                .text(
                    .init(
                        pattern: #"^(?!\.\.?$)[A-Za-z0-9._-]+$"#, length: 1...VMConfiguration.longestPortName,
                        meaning: """
                            1 to \(VMConfiguration.longestPortName) letters, digits, '.', '-' and '_', but not '.' or \
                            '..'
                            """, examples: ["agent"])),
                "Its name, unlike that of any other port: the guest has it as /dev/virtio-ports/NAME")
        case .socket:
            .optional(
                .path(atMost: VMConfiguration.longestSocketPath),
                "Where to listen for clients, one at a time: a Unix socket")
        case .file: .optional(.path(), "The file that the guest's output is appended to")
        }
    }
}
