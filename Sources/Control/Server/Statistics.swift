import ControlMessages
import Machine
import Virtio

extension VMStats {
    /// What exits are counted by, in the order of their kinds.
    static let exitNames = ExitKind.allCases.map { String(describing: $0) }
}

extension VMStats.Result {
    init(_ machine: Machine) {
        let balloon = machine.balloon?.reading
        self.init(
            vcpus: machine.vcpuStatistics.enumerated().map { id, statistics in
                let counts = zip(VMStats.exitNames, ExitKind.allCases.map { statistics.exits[$0] })
                return VMStats.VCPU(
                    id: id, exits: Dictionary(uniqueKeysWithValues: counts.filter { $0.1 > 0 }),
                    runTimeNs: statistics.processorTime, stealNs: statistics.waitTime)
            },
            devices: machine.deviceStatistics.map { name, traffic in
                VMStats.Device(
                    id: name, toGuest: .init(traffic.toGuest.counts), fromGuest: .init(traffic.fromGuest.counts))
            },
            memory: VMStats.Memory(
                sizeBytes: machine.memorySize, residentBytes: machine.outcome == nil ? machine.residentMemorySize : nil,
                balloonTargetBytes: balloon?.target, balloonActualBytes: balloon?.actual),
            console: VMStats.Console(lostBytes: machine.serial?.lostOutput ?? 0))
    }
}

extension VMStats.Traffic {
    init(_ counts: TrafficStatistics.Counts) {
        self.init(requests: counts.requests, bytes: counts.bytes, errors: counts.errors)
    }
}
