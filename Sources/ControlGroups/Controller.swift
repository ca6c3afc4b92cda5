import MachineConfiguration

/// What divides one resource of the host among control groups.
enum Controller: CaseIterable {
    case cpu, io

    /// Its name in a hierarchy of either version.
    func name(in version: Hierarchy.Version) -> String {
        switch (self, version) {
        case (.cpu, _): "cpu"
        case (.io, .v1): "blkio"
        case (.io, .v2): "io"
        }
    }
}

/// One limit, as the files of a control group have it.
struct Setting: Equatable {
    let controller: Controller
    /// The field of the configuration that asks for it, and the field's value.
    let field: String
    let value: String
    /// Files and what is to be written to them. Those that the kernel lacks are passed over, but not all of them.
    let files: [File]

    struct File: Equatable {
        let name: String
        let text: String
    }

    /// What the limits come to, for each controller in a hierarchy of the version that it is in.
    static func all(
        for limits: VMConfiguration.Limits, _ version: (Controller) -> Hierarchy.Version?
    ) -> [Setting] {
        [
            limits.cpuWeight.map { weight in
                Setting(
                    controller: .cpu, field: "/limits/cpuWeight", value: "\(weight)",
                    files: [
                        version(.cpu) == .v1
                            ? File(name: "cpu.shares", text: "\(shares(weight))")
                            : File(name: "cpu.weight", text: "\(weight)")
                    ])
            },
            limits.cpuQuota.map { quota in
                let microseconds = UInt64(quota.thousandths) * period / 1000
                return Setting(
                    controller: .cpu, field: "/limits/cpuQuota", value: "\(quota)",
                    files: [
                        // The period of version 1 is the same unless somebody changes it.
                        version(.cpu) == .v1
                            ? File(name: "cpu.cfs_quota_us", text: "\(microseconds)")
                            : File(name: "cpu.max", text: "\(microseconds) \(period)")
                    ])
            },
            limits.ioWeight.map { weight in
                Setting(
                    controller: .io, field: "/limits/ioWeight", value: "\(weight)",
                    files: version(.io) == .v1
                        ? [
                            File(name: "blkio.weight", text: "\(blockWeight(weight))"),
                            File(name: "blkio.bfq.weight", text: "\(bfqWeight(weight))"),
                        ]
                        : [
                            File(name: "io.weight", text: "\(weight)"),
                            File(name: "io.bfq.weight", text: "\(bfqWeight(weight))"),
                        ])
            },
        ].compactMap { $0 }
    }

    /// Microseconds; what the kernel takes by itself.
    private static let period: UInt64 = 100_000

    /// The kernel takes a weight of 100 as 1024 shares, and has 2 at least.
    private static func shares(_ weight: Int) -> Int { max(2, (weight * 1024 + 50) / 100) }

    /// From 1 to 1000, 100 by itself.
    private static func bfqWeight(_ weight: Int) -> Int { weight <= 100 ? weight : 100 + (weight - 100) * 900 / 9900 }

    /// From 10 to 1000, 500 by itself.
    private static func blockWeight(_ weight: Int) -> Int { min(max(weight * 5, 10), 1000) }
}
