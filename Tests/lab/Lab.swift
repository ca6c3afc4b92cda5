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
            do {
                try command.run()
            } catch  where !(error is ExitCode || error is ValidationError || exitCode(for: error) == .success) {
                writeToStandardError(Array("lab: \(error)\n".utf8))
                Glibc.exit(failureStatus)
            }
        } catch {
            if error is ExitCode || exitCode(for: error) == .success { exit(withError: error) }
            writeToStandardError(Array("\(fullMessage(for: error))\n".utf8))
            Glibc.exit(failureStatus)
        }
    }
}
