extension VMConfiguration {
    /// Swiftlet's own first process of the guest, which runs commands for the host.
    public struct Agent: Encodable, Equatable, Sendable {
        /// The directory of the kernel's modules: by default what stands beside the kernel under the name `modules`, else
        /// `/lib/modules/VERSION`. Empty for a kernel that needs none.
        public var modules: String?
        /// What commands have as their root, which they never write to, but to a layer above it: a directory of the host,
        /// an image of a file system or a tar archive; nil for the agent's own, which is all but empty.
        public var root: String?
        /// A file of the host in which what commands write into their root outlives the machine, for the next one that is
        /// given it; it is made where there is none. nil to have it go with the machine.
        public var keep: String?
        /// How much commands may write into their root and `/tmp`: half of the guest's memory unless given. With `keep`,
        /// the size of a file that is made: 16 GiB unless given, which it takes only as far as it is written.
        public var diskSize: ByteSize?
        /// How many processes and threads all commands may have together; nil for as many as the guest's kernel can.
        public var processes: Int?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case modules, root, keep, diskSize, processes
        }

        public init(modules: String? = nil, root: String? = nil) {
            self.modules = modules
            self.root = root
        }

        /// The name of the device by which the guest has its root.
        package static let rootDevice = "agent-root"
        /// The name of the disk that is in `keep`.
        package static let keepDevice = "agent-keep"
        /// Where the files of a root that is an archive are in the initramfs.
        package static let archiveDirectory = "base"
        static let devices: Set = [rootDevice, keepDevice]
        package static let processRange = 1...4_194_304
        static let leastDiskSize = ByteSize(bytes: 1 << 20)
    }

    func validateAgent() throws(ConfigurationError) {
        guard let agent else { return }
        if let initrd = kernel.initrd {
            throw ConfigurationError(
                field: "/kernel/initrd", value: "'\(initrd)'",
                problem: "a guest with an agent boots the agent's own; leave out one of the two")
        }
        if let modules = agent.modules, modules.utf8.contains(0) {
            throw ConfigurationError(
                field: "/agent/modules", value: "'\(modules)'", problem: "it must name a directory")
        }
        if let root = agent.root, root.isEmpty || root.utf8.contains(0) {
            throw ConfigurationError(
                field: "/agent/root", value: "'\(root)'", problem: "it must name a directory, an image or a tar archive"
            )
        }
        if let keep = agent.keep {
            guard !keep.isEmpty, !keep.utf8.contains(0) else {
                throw ConfigurationError(field: "/agent/keep", value: "'\(keep)'", problem: "it must name a file")
            }
            guard agent.root != nil else {
                throw ConfigurationError(
                    field: "/agent/root", value: "null",
                    problem:
                        "what commands write to it is to be kept, and they have none: give it, or leave out /agent/keep"
                )
            }
        }
        if let size = agent.diskSize {
            let range = Agent.leastDiskSize...(agent.keep == nil ? memory : Self.memoryRange.upperBound)
            guard range.contains(size) else {
                let place = agent.keep == nil ? "in the guest's memory: it" : "kept in a file, which"
                throw ConfigurationError(
                    field: "/agent/diskSize", value: "\(size)",
                    problem: "what commands write is \(place) can have \(range.words)")
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
                """
                What commands have as their root, which they never write to: a directory of the host, an image of an ext4, \
                squashfs or erofs file system, or a tar archive, which is unpacked into the guest's memory
                """)
        case .keep:
            .optional(
                .path(),
                """
                A file in which what commands write into their root outlives the machine, for the next one that is given it; \
                it is made where there is none
                """)
        case .diskSize:
            .optional(
                .size(leastDiskSize...VMConfiguration.memoryRange.upperBound),
                """
                How much commands may write into their root and /tmp, half of the memory unless it is given; with 'keep', the \
                size of a file that is made, 16G unless it is given
                """)
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
        try fields.read(.keep, into: &keep)
        try fields.read(.diskSize, into: &diskSize)
        try fields.read(.processes, into: &processes)
    }
}
