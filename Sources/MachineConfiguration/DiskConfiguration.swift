extension VMConfiguration {
    /// A disk: a raw image behind virtio-blk.
    public struct Disk: Encodable, Equatable, Sendable {
        /// Unlike that of any other disk.
        public var id: String
        /// A regular file or a block device, whose bytes are the disk's bytes.
        public var path: String
        /// Whether the guest may only read it, as then may others at the same time.
        public var readOnly: Bool?
        /// Whether to go past the host's page cache.
        public var direct: Bool?
        /// What the guest tells the disk by, up to 20 bytes; by default the id.
        public var serial: String?
        /// Request queues, 1 to 16.
        public var queues: Int?
        /// Entries of each queue: a power of two, 4 to 1024.
        public var queueSize: Int?
        /// Limits of reads and writes together; at least 4096 bytes and 1 operation.
        public var bytesPerSecond: UInt64?
        public var operationsPerSecond: UInt64?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case id, path, readOnly, direct, serial, queues, queueSize, bytesPerSecond, operationsPerSecond
        }

        public init(id: String, path: String) {
            self.id = id
            self.path = path
        }

        static let queueRange = 1...16
        static let queueSizeRange = 4...1024
        static let longestSerial = 20
        static let bytesPerSecondRange: ClosedRange<UInt64> = 4096 ... .max
        static let operationsPerSecondRange: ClosedRange<UInt64> = 1 ... .max

        /// - Parameter field: the pointer to this disk.
        func validate(field: String) throws(ConfigurationError) {
            guard !path.isEmpty, !path.utf8.contains(0) else {
                throw ConfigurationError(field: "\(field)/path", value: "'\(path)'", problem: "it must name a file")
            }
            if let serial, serial.utf8.count > Self.longestSerial || serial.utf8.contains(0) {
                throw ConfigurationError(
                    field: "\(field)/serial", value: "'\(serial)'",
                    problem: "it must have at most \(Self.longestSerial) bytes, and no zero byte")
            }
            if let queues, !Self.queueRange.contains(queues) {
                throw ConfigurationError(
                    field: "\(field)/queues", value: "\(queues)", problem: "it must be \(Self.queueRange.words)")
            }
            if let queueSize, !Self.queueSizeRange.contains(queueSize) || queueSize.nonzeroBitCount != 1 {
                throw ConfigurationError(
                    field: "\(field)/queueSize", value: "\(queueSize)",
                    problem: "it must be a power of two, \(Self.queueSizeRange.words)")
            }
            if let bytesPerSecond, !Self.bytesPerSecondRange.contains(bytesPerSecond) {
                throw ConfigurationError(
                    field: "\(field)/bytesPerSecond", value: "\(bytesPerSecond)",
                    problem: "it must be \(Self.bytesPerSecondRange.lowerBound) at least")
            }
            if let operationsPerSecond, !Self.operationsPerSecondRange.contains(operationsPerSecond) {
                throw ConfigurationError(
                    field: "\(field)/operationsPerSecond", value: "\(operationsPerSecond)",
                    problem: "it must be \(Self.operationsPerSecondRange.lowerBound) at least")
            }
        }
    }

    func validateDisks() throws(ConfigurationError) {
        var ids: Set<String> = []
        var serials: Set<[UInt8]> = []
        /// By path, whether it is for reading only.
        var paths: [String: Bool] = [:]
        for (index, disk) in disks.enumerated() {
            let field = "/disks/\(index)"
            try disk.validate(field: field)
            guard !disk.id.isEmpty, ids.insert(disk.id).inserted else {
                throw ConfigurationError(
                    field: "\(field)/id", value: "'\(disk.id)'", problem: "each disk must have a name of its own")
            }
            let serial = Array((disk.serial ?? disk.id).utf8.prefix(Disk.longestSerial))
            if !serials.insert(serial).inserted, disk.serial == nil {
                throw ConfigurationError(
                    field: "\(field)/id", value: "'\(disk.id)'",
                    problem:
                        "the guest would know it by the same serial as another disk: give it a serial of its own"
                )
            }
            if agent != nil, Agent.devices.contains(where: { serial.elementsEqual($0.utf8) }) {
                throw ConfigurationError(
                    field: "\(field)/serial", value: "'\(disk.serial ?? disk.id)'",
                    problem: "the agent knows a disk of its own by it: give another one")
            }
            let isReadOnly = disk.readOnly ?? false
            if let other = paths.updateValue(isReadOnly, forKey: disk.path), !(isReadOnly && other) {
                throw ConfigurationError(
                    field: "\(field)/path", value: "'\(disk.path)'",
                    problem: "another disk has the same image; only disks that are all read-only can share one")
            }
        }
    }
}

extension VMConfiguration.Disk: DescribedObject {
    package static let summary = "A disk: a raw image behind virtio-blk."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .id: .required(.name, "Its name, unlike that of any other device")
        case .path: .required(.path(), "A regular file or a block device, whose bytes are the disk's bytes")
        case .readOnly:
            .optional(
                Bool.self, "Whether the guest may only read it, as then may others at the same time", usual: false)
        case .direct: .optional(Bool.self, "Whether to go past the host's page cache (O_DIRECT)", usual: false)
        case .serial:
            .optional(
                .text(
                    .init(
                        pattern: #"^[^\u0000]*$"#, length: 0...longestSerial,
                        meaning: "\(longestSerial) bytes at most, without a zero byte")),
                "What the guest tells the disk by; the id unless it is given")
        case .queues: .optional(.integer(queueRange), "Request queues", usual: 1)
        case .queueSize: .optional(.powerOfTwo(queueSizeRange), "Entries of each queue", usual: 256)
        case .bytesPerSecond:
            .optional(
                .integer(bytesPerSecondRange),
                "A limit of reads and writes together, in bytes a second; there is none unless it is given")
        case .operationsPerSecond:
            .optional(
                .integer(operationsPerSecondRange),
                "A limit of reads and writes together, in operations a second; there is none unless it is given")
        }
    }
}
