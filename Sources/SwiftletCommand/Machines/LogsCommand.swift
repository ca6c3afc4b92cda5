import ArgumentParser
import Control
import ControlMessages
import Glibc
import Linux

struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Prints what a machine's guest has printed on its console.",
        discussion: """
            The last 64 KiB at least are kept. Of a machine with a command, that is what the kernel says; what the command \
            prints goes where 'swiftlet run' was started.
            """)

    @Argument(help: ArgumentHelp("As 'swiftlet ps' has it.", valueName: "name"))
    var name: String

    @Flag(name: .shortAndLong, help: "Go on with what it prints from now on, until it ends.")
    var follow = false

    func run() throws {
        let machine = try MachineLookup.find(name)
        let loop = try EventLoop(name: "main")
        let client = try MachineLookup.connect(to: machine, on: loop)
        // A file cannot be watched, and never hangs up.
        if follow {
            _ = try? loop.watch(STDOUT_FILENO, for: []) { readiness in
                if !readiness.isDisjoint(with: [.hungUp, .failed]) { ProcessSignals.die(of: SIGPIPE) }
            }
        }
        var next: UInt64 = 0
        repeat {
            guard let part = try read(from: next, client) else { return }
            if next > 0, part.offset > next {
                standardError.write("swiftlet: \(part.offset - next) bytes came too fast, and are lost\n")
            }
            next = part.next
            try writeAll(part.text.bytes, to: STDOUT_FILENO, on: "stdout")
        } while follow
    }

    /// - Returns: nil when there is nothing to wait for any more.
    private func read(from offset: UInt64, _ client: ControlClient) throws -> ConsoleRead.Result? {
        let answer = client.answer(ConsoleRead.self, ConsoleRead.Params(offset: offset, wait: follow))
        if follow, case .failure(let error) = answer, error.kind == .io { return nil }
        let part = try answer.get()
        return follow && part.text.bytes.isEmpty ? nil : part
    }
}
