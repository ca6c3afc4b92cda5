extension VMConfiguration {
    /// Swiftlet's own first process of the guest, which runs commands for the host.
    public struct Agent: Encodable, Equatable, Sendable {
        /// The directory of the kernel's modules: by default what stands beside the kernel under the name `modules`, else
        /// `/lib/modules/VERSION`. Empty for a kernel that needs none.
        public var modules: String?
        /// The directory of the host that commands have as their root, by a copy that goes with the machine; nil for the
        /// agent's own, which is all but empty.
        public var root: String?
        /// How much commands may write into their root and `/tmp`; half of the guest's memory unless given.
        public var diskSize: ByteSize?
        /// How many processes and threads all commands may have together; nil for as many as the guest's kernel can.
        public var processes: Int?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case modules, root, diskSize, processes
        }

        public init(modules: String? = nil, root: String? = nil) {
            self.modules = modules
            self.root = root
        }

        /// The name of the device by which the guest has its root.
        package static let rootShare = "agent-root"
        package static let processRange = 1...4_194_304
    }

    func validateAgent() throws(ConfigurationError) {
        guard let agent else { return }
        if let initrd = kernel.initrd {
            throw ConfigurationError(
                field: "/kernel/initrd", value: "'\(initrd)'",
                problem: "a guest with an agent boots the agent's own; leave out one of the two")
        }
        for (field, path) in [("/agent/modules", agent.modules), ("/agent/root", agent.root)] {
            guard let path, path.utf8.contains(0) || path.isEmpty && field == "/agent/root" else { continue }
            throw ConfigurationError(field: field, value: "'\(path)'", problem: "it must name a directory")
        }
        if let size = agent.diskSize {
            let range = ByteSize(bytes: 1 << 20)...memory
            guard range.contains(size) else {
                throw ConfigurationError(
                    field: "/agent/diskSize", value: "\(size)",
                    problem: "what commands write is in the guest's memory: it can have \(range.words)")
            }
        }
        if let processes = agent.processes, !Agent.processRange.contains(processes) {
            throw ConfigurationError(
                field: "/agent/processes", value: "\(processes)",
                problem: "commands can have \(Agent.processRange.words) processes")
        }
    }
}

extension VMConfiguration.Agent: DescribedObject {
    package static let summary = "Swiftlet's own first process of the guest, which runs commands for the host."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .modules:
            .optional(
                .text(.init(pattern: #"^[^\u0000]*$"#, meaning: "a path, or an empty string")),
                """
                The directory of the kernel's modules: what stands beside the kernel under the name 'modules', else \
                /lib/modules/VERSION, unless it is given; empty for a kernel that needs none
                """)
        case .root:
            .optional(
                .path(),
                "The directory of the host that commands have as their root, by a copy that goes with the machine")
        case .diskSize:
            .optional(
                .size(ByteSize(bytes: 1 << 20)...VMConfiguration.memoryRange.upperBound),
                "How much commands may write into their root and /tmp; half of the memory unless it is given")
        case .processes:
            .optional(
                .integer(processRange),
                "How many processes and threads all commands may have together")
        }
    }
}

extension VMConfiguration.Agent: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init()
        try fields.read(.modules, into: &modules)
        try fields.read(.root, into: &root)
        try fields.read(.diskSize, into: &diskSize)
        try fields.read(.processes, into: &processes)
    }
}
