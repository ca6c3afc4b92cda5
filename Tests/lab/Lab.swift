import ArgumentParser
import Glibc

/// A machine with a real KVM, emulated by QEMU, for tests on hosts that have none.
@main struct Lab: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract: "Run commands on an emulated host with a real KVM, and make kernels and initramfs for guests.",
        subcommands: [RunCommand.self, KernelCommand.self, InitramfsCommand.self])

    /// Everything that goes wrong on this side is status 125, as no command's own status usually is.
    static let failureStatus: CInt = 125

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let status = exitCode(for: error)
            if status == .success || error is ExitCode { exit(withError: error) }
            let text = (error as? LabFailure).map { "lab: \($0)\n" } ?? fullMessage(for: error) + "\n"
            writeToStandardError(Array(text.utf8))
            Glibc.exit(failureStatus)
        }
    }
}
