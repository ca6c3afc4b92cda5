/// Everything that makes one virtual machine different from another. The command line parses into it.
public struct VMConfiguration: Encodable, Equatable, Sendable {
    /// Number of vCPUs, 1 to 32.
    public var cpus = 1
    /// The guest's memory; 16M at least, in whole mebibytes.
    public var memory = ByteSize(bytes: 512 << 20)
    /// The host's pages that back the guest's memory.
    public var hugePages = HugePages.transparent
    public var kernel: Kernel
    /// How the guest reaches its virtio devices.
    public var transport = DeviceTransport.mmio
    /// Its disks, in the order in which it finds them.
    public var disks: [Disk] = []
    /// Whether the guest has a source of random bytes.
    public var entropy = false
    /// Its network cards, in the order in which it finds them.
    public var nets: [Net] = []
    /// The guest's memory balloon; nil for none.
    public var balloon: Balloon?
    /// Where the guest's kernel prints, and a user types.
    public var console = Console()
    /// Further streams of bytes to and from the guest; 30 at most.
    public var ports: [Port] = []
    /// Connections with the host without a network; nil for none.
    public var vsock: Vsock?
    /// Directories of the host that the guest can mount.
    public var shares: [Share] = []
    /// What runs commands in the guest; nil for a guest that has an init of its own.
    public var agent: Agent?
    /// What the machine's process gets of the host; all it can get unless stated.
    public var limits = Limits()

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case cpus, memory, hugePages, kernel, transport, disks, entropy, nets, balloon, console, ports, vsock, shares,
            agent, limits
    }

    /// What is between a virtio device and its driver.
    public enum DeviceTransport: String, Codable, CaseIterable, Sendable {
        /// Registers in memory, announced by ACPI: boots fastest.
        case mmio
        /// A PCI bus: an interrupt for each queue.
        case pci
    }

    /// What the guest boots.
    public struct Kernel: Encodable, Equatable, Sendable {
        /// An ELF `vmlinux` or a `bzImage`.
        public var path: String
        /// The initial RAM disk.
        public var initrd: String?
        /// Replaces the kernel command line that Swiftlet would otherwise begin with.
        public var commandLine: String?
        /// Added to the end of the kernel command line.
        public var append: String?
        /// How the guest is entered.
        public var bootProtocol: BootProtocolChoice

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case path, initrd, commandLine, append, bootProtocol
        }

        public init(
            path: String, initrd: String? = nil, commandLine: String? = nil, append: String? = nil,
            bootProtocol: BootProtocolChoice = .automatic
        ) {
            self.path = path
            self.initrd = initrd
            self.commandLine = commandLine
            self.append = append
            self.bootProtocol = bootProtocol
        }
    }

    public init(kernel: Kernel) {
        self.kernel = kernel
    }

    package static let cpuRange = 1...32
    static let memoryRange = ByteSize(bytes: 16 << 20)...ByteSize(bytes: 1 << 44)

    /// Checks every field that can be checked without looking at the host.
    ///
    /// - Throws: `ConfigurationError` for the first field that is out of its range.
    public func validate() throws(ConfigurationError) {
        guard Self.cpuRange.contains(cpus) else {
            throw ConfigurationError(
                field: "/cpus", value: "\(cpus)", problem: "a machine has \(Self.cpuRange.words) vCPUs")
        }
        guard Self.memoryRange.contains(memory) else {
            throw ConfigurationError(
                field: "/memory", value: "\(memory)", problem: "a machine has \(Self.memoryRange.words) of memory")
        }
        let granule: UInt64 = hugePages == .hugetlbfs ? 2 << 20 : 1 << 20
        guard memory.bytes.isMultiple(of: granule) else {
            throw ConfigurationError(
                field: "/memory", value: "\(memory)",
                problem: "it must be a multiple of \(granule >> 20)M\(hugePages == .hugetlbfs ? " on huge pages" : "")")
        }
        if let balloon, balloon.size.bytes > memory.bytes {
            throw ConfigurationError(
                field: "/balloon/size", value: "\(balloon.size)", problem: "the machine has \(memory) of memory")
        }
        try validatePorts()
        try vsock?.validate()
        for (field, path) in [
            ("/kernel/path", kernel.path), ("/kernel/initrd", kernel.initrd), ("/console/output", console.path),
        ] {
            guard let path else { continue }
            guard !path.isEmpty, !path.utf8.contains(0) else {
                throw ConfigurationError(field: field, value: "'\(path)'", problem: "it must name a file")
            }
        }
        for (field, text) in [("/kernel/commandLine", kernel.commandLine), ("/kernel/append", kernel.append)] {
            guard let text, text.utf8.contains(where: { [0, 0x0A, 0x0D].contains($0) }) else { continue }
            throw ConfigurationError(
                field: field, value: text.debugDescription,
                problem: "a kernel command line has neither a line break nor a NUL character")
        }
        try validateDisks()
        try validateNets()
        try validateShares()
        try validateAgent()
        try validateLimits()
        try validateDevices()
    }
}

extension VMConfiguration: DescribedObject {
    package static let summary = "Everything that makes one virtual machine different from another."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .cpus: .optional(.integer(cpuRange), "The number of vCPUs", usual: 1)
        case .memory: .optional(.size(memoryRange), "The guest's memory, in whole mebibytes", usual: "512M")
        case .hugePages: .optional(HugePages.self, "The host's pages behind the guest's memory", usual: "transparent")
        case .kernel: .required(Kernel.self, "What the guest boots")
        case .transport: .optional(DeviceTransport.self, "How the guest reaches its virtio devices", usual: "mmio")
        case .disks: .optional([Disk].self, "Disks, in the order in which the guest finds them", usual: [])
        case .entropy: .optional(Bool.self, "Whether the guest has a source of random bytes", usual: false)
        case .nets: .optional([Net].self, "Network cards, in the order in which the guest finds them", usual: [])
        case .balloon: .optional(Balloon.self, "A memory balloon; there is none unless it is given")
        case .console: .optional(Console.self, "Where the guest's kernel prints, and a user types")
        case .ports:
            .optional(
                .list(of: Port.schema, atMost: mostPorts), "Further streams of bytes to and from the guest", usual: [])
        case .vsock: .optional(Vsock.self, "Connections with the host without a network; there are none unless given")
        case .shares: .optional([Share].self, "Directories of the host that the guest can mount", usual: [])
        case .agent:
            .optional(
                Agent.self,
                "What runs commands in the guest, as its first process; without it the guest has an init of its own")
        case .limits: .optional(Limits.self, "What the machine's process gets of the host; all it can get unless given")
        }
    }
}

extension VMConfiguration.Kernel: DescribedObject {
    package static let summary = "What the guest boots."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .path: .required(.path(), "An ELF vmlinux or a bzImage")
        case .initrd: .optional(.path(), "The initial RAM disk; there is none unless it is given")
        case .commandLine:
            .optional(
                commandLine,
                "Replaces the kernel command line that Swiftlet would otherwise begin with, which fits the machine")
        case .append: .optional(commandLine, "Added to the end of the kernel command line")
        case .bootProtocol:
            .optional(
                BootProtocolChoice.self, "How the kernel is entered; with linux64 a bzImage unpacks itself",
                usual: "auto")
        }
    }
}

extension VMConfiguration.Kernel {
    private static var commandLine: Schema {
        .text(.init(pattern: #"^[^\u0000\n\r]*$"#, meaning: "a string with neither a line break nor a NUL character"))
    }
}

extension VMConfiguration.DeviceTransport: Described {}
extension BootProtocolChoice: Described {}
extension HugePages: Described {}
