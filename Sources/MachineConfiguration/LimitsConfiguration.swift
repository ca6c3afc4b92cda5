extension VMConfiguration {
    /// What the machine's process, with all of its threads, gets of the host's processors and disks.
    public struct Limits: Encodable, Equatable, Sendable {
        /// Its share of processor time where others want some, 1 to 10000; a control group has 100 by itself.
        public var cpuWeight: Int?
        /// How much processor time it may use at most, 0.01 to 1000 CPUs.
        public var cpuQuota: CPUQuota?
        /// Its share of disks' time where others want some, 1 to 10000; a control group has 100 by itself.
        public var ioWeight: Int?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case cpuWeight, cpuQuota, ioWeight
        }

        public init() {}

        /// Control groups v2, "Weights".
        package static let weightRange = 1...10_000
        /// The kernel's least is one millisecond in a period, of which each has 100.
        package static let quotaRange = CPUQuota(thousandths: 10)...CPUQuota(thousandths: 1_000_000)
    }

    func validateLimits() throws(ConfigurationError) {
        for (field, weight) in [("cpuWeight", limits.cpuWeight), ("ioWeight", limits.ioWeight)] {
            guard let weight, !Limits.weightRange.contains(weight) else { continue }
            throw ConfigurationError(
                field: "/limits/\(field)", value: "\(weight)", problem: "a weight is \(Limits.weightRange.words)")
        }
        if let quota = limits.cpuQuota, !Limits.quotaRange.contains(quota) {
            throw ConfigurationError(
                field: "/limits/cpuQuota", value: "\(quota)", problem: "it must be \(Limits.quotaRange.words) CPUs")
        }
    }
}

extension VMConfiguration.Limits: DescribedObject {
    package static let summary =
        "What the machine's process gets of the host's processors and disks, by control groups (cgroups(7))."

    package static func describe(_ key: CodingKeys) -> FieldDescription {
        switch key {
        case .cpuWeight:
            .optional(
                .integer(weightRange),
                "Its share of processor time where others want some; others have 100 by themselves")
        case .cpuQuota:
            .optional(CPUQuota.self, "How much processor time it may use at most, \(quotaRange.words) CPUs")
        case .ioWeight:
            .optional(
                .integer(weightRange), "Its share of disks' time where others want some; others have 100 by themselves")
        }
    }
}

extension VMConfiguration.Limits: Decodable {
    public init(from decoder: any Decoder) throws {
        let fields = try Fields<CodingKeys>(of: decoder)
        self.init()
        try fields.read(.cpuWeight, into: &cpuWeight)
        try fields.read(.cpuQuota, into: &cpuQuota)
        try fields.read(.ioWeight, into: &ioWeight)
    }
}
