import ArgumentParser
import Control
import ControlMessages
import FoundationEssentials
import Glibc
import Linux
import MachineConfiguration
import RuntimeDirectory

struct PsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps",
        abstract: "Lists your machines that run.",
        discussion: """
            They are those of 'swiftlet run'. A state of 'unknown' is that of one that does not answer, as when its process \
            is stopped.
            """)

    /// A machine as `--json` has it, whose names are fixed.
    private struct Row: Encodable {
        let name: String
        let pid: Int32
        let state: String
        let cpus: Int
        let memory: ByteSize
        /// Seconds since 1970.
        let started: Int64
        let command: [String]
    }

    /// How long a machine may take to tell its state.
    private static let answerTime: UInt64 = 1_000_000_000

    @Flag(help: "Print the list as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print names only.")
    var quiet = false

    func run() throws {
        let machines = try MachineLookup.directory.machines()
        if quiet {
            for machine in machines { print(machine.name) }
            return
        }
        let loop = try EventLoop(name: "main")
        let rows = machines.compactMap { machine in
            machine.record.map { record in
                Row(
                    name: machine.name, pid: record.pid, state: Self.state(of: machine, loop), cpus: record.cpus,
                    memory: ByteSize(bytes: record.memory), started: record.started, command: record.command)
            }
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return print(String(decoding: try encoder.encode(rows), as: UTF8.self))
        }
        let now = Int64(time(nil))
        let cells =
            [["NAME", "PID", "STATE", "CPUS", "MEMORY", "AGE", "COMMAND"]]
            + rows.map {
                [
                    $0.name, "\($0.pid)", $0.state, "\($0.cpus)", "\($0.memory)", Self.age(now - $0.started),
                    $0.command.map { $0.replacingControls(by: " ") }.joined(separator: " "),
                ]
            }
        print(Self.table(cells), terminator: "")
    }

    private static func state(of machine: MachineEntry, _ loop: EventLoop) -> String {
        guard let client = try? MachineLookup.connect(to: machine, on: loop),
            case .success(let answer) = client.answer(VMGet.self, NoFields(), limit: answerTime)
        else { return "unknown" }
        return answer.state.rawValue
    }

    /// Seconds in the largest unit that there is more than one of.
    static func age(_ seconds: Int64) -> String {
        switch max(seconds, 0) {
        case let seconds where seconds < 120: "\(seconds)s"
        case let seconds where seconds < 7200: "\(seconds / 60)m"
        case let seconds where seconds < 172_800: "\(seconds / 3600)h"
        case let seconds: "\(seconds / 86400)d"
        }
    }

    /// Without what a terminal would obey.
    /// Columns as wide as their widest cell, the last one apart.
    static func table(_ rows: [[String]]) -> String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}
