import ArgumentParser
import Control
import ControlMessages
import Linux
import RuntimeDirectory

struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Ends machines that run, and waits until they are gone.",
        discussion: """
            A machine's command gets SIGTERM; a guest without one has its power button pressed. What still runs after the \
            time that it is given is killed, and its 'swiftlet run' ends as by SIGKILL.

            Examples:
              swiftlet stop build
              swiftlet stop --kill 4711
              swiftlet stop --all
            """)

    /// How long a machine's process may take, in nanoseconds, beside the time that the guest has.
    private static let patience: UInt64 = 3_000_000_000

    @Argument(help: ArgumentHelp("As 'swiftlet ps' has them.", valueName: "name"))
    var names: [String] = []

    @Flag(name: .shortAndLong, help: "End all of your machines.")
    var all = false

    @Flag(name: .shortAndLong, help: "Kill at once.")
    var kill = false

    @Option(
        help: ArgumentHelp("How long a guest may take to end by itself (default: 10s).", valueName: "duration"),
        transform: OptionValue.timeSpan)
    var timeout: TimeSpan?

    func validate() throws {
        if all, !names.isEmpty { throw ValidationError("--all is for all machines: leave out the names, or --all") }
        if !all, names.isEmpty {
            throw ValidationError("give the names of machines, as 'swiftlet ps' has them, or --all")
        }
        if kill, timeout != nil { throw ValidationError("--kill waits for no --timeout: leave one of them out") }
    }

    func run() throws {
        // All are found before the first is stopped.
        let machines = all ? try MachineLookup.directory.machines() : try names.map { try MachineLookup.find($0) }
        let loop = try EventLoop(name: "main")
        let grace = Milliseconds(clamping: .nanoseconds(Int64(clamping: timeout?.nanoseconds ?? 10_000_000_000)))
        // One that has gone meanwhile is what was asked for.
        let clients = machines.compactMap { try? MachineLookup.connect(to: $0, on: loop) }
        var unanswered = clients.count
        var failure: ControlError?
        for client in clients {
            let done = { (answer: Result<StateResult, ControlError>) in
                unanswered -= 1
                if case .failure(let error) = answer, error.kind != .io { failure = error }
            }
            if kill {
                client.send(VMKill.self, NoFields(), done)
            } else {
                client.send(VMStop.self, VMStop.Params(grace: grace), done)
            }
        }
        let time = min(kill ? 0 : grace.nanoseconds, .max / 2) + Self.patience
        let deadline = monotonicNanoseconds() + time
        // A process that was stopped itself answers nothing.
        loop.schedule(after: time) { for machine in machines { machine.kill() } }
        withExtendedLifetime(clients) { while unanswered > 0 { loop.turn(waiting: true) } }
        if let failure { throw failure }
        for machine in machines { machine.awaitEnd(killingAt: deadline) }
    }
}
