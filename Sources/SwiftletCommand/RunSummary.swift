import Devices
import Machine
import Virtio

/// What a machine did, for `-v`: when it reached what, and why its vCPUs left the guest.
struct RunSummary {
    private let machine: Machine
    private let begin: UInt64

    /// - Parameter begin: when this process began, on `CLOCK_MONOTONIC` in nanoseconds.
    init(_ machine: Machine, begin: UInt64) {
        self.machine = machine
        self.begin = begin
    }

    func print() {
        var lines = machine.events.milestones.map { milestone in
            "\(milliseconds(milestone.time - begin)) ms  \(Self.name(milestone.kind))"
        }
        let counts = ExitKind.allCases.map { ($0, machine.exitCount($0)) }
        let total = counts.reduce(0) { $0 + $1.1 }
        let ports = counts.reduce(0) { $0 + ($1.0.isPort ? $1.1 : 0) }
        lines.append("\(total) exits to the monitor, \(ports) of them for ports:")
        lines += counts.filter { $0.1 > 0 }.map { kind, count in "\(padded("\(count)", 10))  \(kind.description)" }
        for net in machine.nets {
            lines.append(
                "network card '\(net.id)': received \(Self.text(net.statistics.toGuest.counts)), "
                    + "sent \(Self.text(net.statistics.fromGuest.counts))")
        }
        if let lostOutput = machine.serial?.lostOutput, lostOutput > 0 {
            lines.append("\(lostOutput) bytes of console output were lost: the guest did not wait")
        }
        standardError.write(lines.map { "swiftlet: \($0)\n" }.joined())
    }

    private static func text(_ counts: TrafficStatistics.Counts) -> String {
        "\(counts.requests) frames of \(counts.bytes) bytes and dropped \(counts.errors)"
    }

    private static func name(_ kind: Milestone.Kind) -> String {
        switch kind {
        case .filesChecked: "files checked"
        case .machineReady: "machine ready"
        case .started: "vCPUs started"
        case .firstConsoleByte: "first byte on the console"
        case .guest(let value): "guest milestone \(value)"
        case .agentStarted: "agent started"
        case .commandsCanRun: "commands can run"
        case .commandStarted: "command started"
        case .commandEnded: "command ended"
        case .ended: "end"
        }
    }

    private func milliseconds(_ nanoseconds: UInt64) -> String {
        let microseconds = nanoseconds / 1000
        let fraction = "\(1000 + microseconds % 1000)".dropFirst()
        return padded("\(microseconds / 1000).\(fraction)", 10)
    }

    private func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
