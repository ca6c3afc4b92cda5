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

        enum CodingKeys: String, CodingKey, CaseIterable {
            case id, path, readOnly, direct, serial, queues, queueSize, bytesPerSecond, operationsPerSecond
        }

        public init(id: String, path: String) {
            self.id = id
            self.path = path
        }

        static let queueRange = 1...16
        static let queueSizeRange = 4...1024
        static let longestSerial = 20
        static let leastBytesPerSecond: UInt64 = 4096

        /// - Parameter field: the dotted path to this disk.
        func validate(field: String) throws(ConfigurationError) {
            guard !path.isEmpty, !path.utf8.contains(0) else {
                throw ConfigurationError(field: "\(field).path", value: "'\(path)'", problem: "it must name a file")
            }
            if let serial, serial.utf8.count > Self.longestSerial || serial.utf8.contains(0) {
                throw ConfigurationError(
                    field: "\(field).serial", value: "'\(serial)'",
                    problem: "it must have at most \(Self.longestSerial) bytes, and no zero byte")
            }
            if let queues, !Self.queueRange.contains(queues) {
                throw ConfigurationError(field: "\(field).queues", value: "\(queues)", problem: "it must be 1 to 16")
            }
            if let queueSize, !Self.queueSizeRange.contains(queueSize) || queueSize.nonzeroBitCount != 1 {
                throw ConfigurationError(
                    field: "\(field).queueSize", value: "\(queueSize)", problem: "it must be a power of two, 4 to 1024")
            }
            if let bytesPerSecond, bytesPerSecond < Self.leastBytesPerSecond {
                throw ConfigurationError(
                    field: "\(field).bytesPerSecond", value: "\(bytesPerSecond)",
                    problem: "it must be \(Self.leastBytesPerSecond) at least")
            }
            if operationsPerSecond == 0 {
                throw ConfigurationError(
                    field: "\(field).operationsPerSecond", value: "0", problem: "it must be 1 at least")
            }
        }
    }

    func validateDisks() throws(ConfigurationError) {
        var ids: Set<String> = []
        var serials: Set<[UInt8]> = []
        /// By path, whether it is for reading only.
        var paths: [String: Bool] = [:]
        for (index, disk) in disks.enumerated() {
            let field = "disks[\(index)]"
            try disk.validate(field: field)
            guard !disk.id.isEmpty, ids.insert(disk.id).inserted else {
                throw ConfigurationError(
                    field: "\(field).id", value: "'\(disk.id)'", problem: "each disk must have a name of its own")
            }
            let serial = Array((disk.serial ?? disk.id).utf8.prefix(Disk.longestSerial))
            if !serials.insert(serial).inserted, disk.serial == nil {
                throw ConfigurationError(
                    field: "\(field).id", value: "'\(disk.id)'",
                    problem:
                        "the guest would know it by the same serial as another disk: give it a serial of its own"
                )
            }
            let isReadOnly = disk.readOnly ?? false
            if let other = paths.updateValue(isReadOnly, forKey: disk.path), !(isReadOnly && other) {
                throw ConfigurationError(
                    field: "\(field).path", value: "'\(disk.path)'",
                    problem: "another disk has the same image; only disks that are all read-only can share one")
            }
        }
    }
}
