import Agent
import Boot
import Devices
import Glibc
import KVM
import Linux
import Machine

/// `swiftlet run` with a command: a machine that runs it and nothing else.
struct CommandRun {
    private let options: RunCommand.Options
    private let words: [[UInt8]]

    init(_ options: RunCommand.Options, words: [[UInt8]]) {
        self.options = options
        self.words = words
    }

    /// Runs the command, and ends this process's work.
    ///
    /// - Returns: the exit status.
    func run() throws -> Int32 {
        let begin = monotonicNanoseconds()
        ProcessSignals.ignoreFileSizeLimit()
        let statusFile = try options.statusFile.map { path in try StatusFile(path: path) }
        var plan = try CommandPlan(options, words)
        let terminal = hasTerminal ? Terminal(STDIN_FILENO) : nil
        if hasTerminal {
            plan.request.terminal = .init(rows: 24, columns: 80)
            if let kind = getenv("TERM"),
                !plan.request.environment.contains(where: { $0.starts(with: Array("TERM=".utf8)) })
            {
                plan.request.environment.append(Array("TERM=\(String(cString: kind))".utf8))
            }
        }
        let machine = try makeMachine(plan)
        let supervisor = try CommandSupervisor(
            machine, plan, signals: ProcessSignals.takeOverForCommand(), terminal: terminal,
            timeLimit: options.timeout?.nanoseconds)
        let tail = ConsoleTail()
        let null = try OwnedDescriptor.open("/dev/null", O_WRONLY)
        let console = try ConsoleThread(
            console: machine.console, port: machine.consolePort, input: nil,
            output: options.verbose ? STDERR_FILENO : null.rawValue,
            tap: {
                machine.observe(console: $0)
                tail.add($0)
            },
            report: { _ in })
        let start = monotonicNanoseconds()
        try machine.start()
        WorkingSet.releaseCode()
        let ending = supervisor.run()
        console.finish()
        console.stop()
        console.join()

        var report = CommandReport(
            ending, machine.outcome, command: String(decoding: words[0], as: UTF8.self), limit: options.timeout)
        if let failure = supervisor.outputFailure { report.note(outputFailure: failure) }
        for sentence in machine.events.reports { standardError.write("swiftlet: \(sentence)\n") }
        if let message = report.message { standardError.write("swiftlet: \(message)\n") }
        if report.cause == .guestDied, !options.verbose {
            standardError.write(tail.lines.map { "swiftlet: guest: \($0)\n" }.joined())
        }
        if options.verbose { RunSummary(machine, begin: begin).print() }
        let boot = supervisor.readyTime.map { $0 - start }
        try statusFile?.write(report.line(wall: monotonicNanoseconds() - begin, boot: boot))
        return report.status
    }

    private var hasTerminal: Bool {
        switch options.command.terminal {
        case .tty: true
        case .noTty: false
        case nil: isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
        }
    }

    private func makeMachine(_ plan: CommandPlan) throws -> Machine {
        do {
            let machine = try MachinePlan(plan.configuration, cache: UserDirectories.kernelCache)
            for warning in machine.warnings + plan.origin.warnings { standardError.write("swiftlet: \(warning)\n") }
            return try Machine(try System(), machine)
        } catch {
            throw plan.origin.explain(error)
        }
    }
}
