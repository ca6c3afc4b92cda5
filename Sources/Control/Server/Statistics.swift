import Machine

extension VMStats.Result {
    init(_ machine: Machine) {
        vcpus = machine.vcpuStatistics.enumerated().map { id, statistics in
            let counts = ExitKind.allCases.map { (String(describing: $0), statistics.exits[$0]) }
            return VMStats.VCPU(
                id: id, exits: Dictionary(uniqueKeysWithValues: counts.filter { $0.1 > 0 }),
                runTimeNs: statistics.processorTime)
        }
        memory = VMStats.Memory(sizeBytes: machine.memorySize)
        console = VMStats.Console(lostBytes: machine.serial.lostOutput)
    }
}
