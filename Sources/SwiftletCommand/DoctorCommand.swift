import ArgumentParser
import FoundationEssentials
import Machine

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Can this host run microVMs? Each failing check comes with its remedy.",
        discussion: """
            The exit status is 0 when every check passes, and 1 otherwise.

            Examples:
              swiftlet doctor
              swiftlet doctor --json | jq -r '.checks[].remedy // empty'
              swiftlet doctor > /dev/null && swiftlet run --kernel vmlinuz
            """)

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Option(help: ArgumentHelp("KVM's device file.", visibility: .hidden))
    var device = "/dev/kvm"

    func run() throws {
        let report = HostReport(device: device)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            for check in report.checks {
                print("\(check.status == .ok ? "ok    " : "FAILED")  \(check.name): \(check.detail)")
                if let remedy = check.remedy { print("        -> \(remedy)") }
            }
            print(report.ok ? "This host can run microVMs." : "This host cannot run microVMs with stock kernels.")
        }
        throw ExitCode(report.ok ? 0 : 1)
    }
}
