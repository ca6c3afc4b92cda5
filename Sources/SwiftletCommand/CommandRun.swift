import Agent
import Boot
import Control
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
        return try StatusFile.telling(options.statusFile, command: name) {
            let plan = try CommandPlan(options, words)
            return try plan.origin.withLimits(of: plan.configuration) { try run(plan, since: begin) }
        }
    }

    private var name: String { String(decoding: words[0], as: UTF8.self) }

    /// Runs the machine from its making to its end.
    ///
    /// - Returns: also how many nanoseconds passed until commands could run, if they could.
    private func run(_ plan: CommandPlan, since begin: UInt64) throws -> (report: CommandReport, boot: UInt64?) {
        let terminal = options.command.process.wantsTerminal ? Terminal(STDIN_FILENO) : nil
        let machine = try makeMachine(plan)
        let supervisor = try CommandSupervisor(
            machine, plan, signals: ProcessSignals.takeOverForCommand(), terminal: terminal,
            timeLimit: options.timeout?.nanoseconds)
        let history = ConsoleHistory()
        supervisor.published = try PublishedMachine.publish(
            machine, plan.configuration, name: options.name, command: words.map { String(decoding: $0, as: UTF8.self) },
            history: history, on: supervisor.loop, owner: supervisor.owner, isVerbose: options.verbose)
        let null = try OwnedDescriptor.open("/dev/null", O_WRONLY)
        let console = try ConsoleThread(
            console: machine.console, port: machine.consolePort, input: nil,
            output: options.verbose ? STDERR_FILENO : null.rawValue,
            tap: {
                machine.observe(console: $0)
                history.add($0)
            },
            report: { _ in })
        try machine.start()
        WorkingSet.releaseCode()
        let ending = supervisor.run()
        console.finish()
        console.stop()
        console.join()
        if let outcome = machine.outcome { supervisor.published?.finish(outcome) }
        supervisor.published = nil

        var report = CommandReport(
            ending, machine.outcome, command: name, limit: options.timeout)
        if let failure = supervisor.outputFailure { report.note(outputFailure: failure) }
        for sentence in machine.events.reports { standardError.write("swiftlet: \(sentence)\n") }
        if let message = report.message { standardError.write("swiftlet: \(message)\n") }
        if report.cause == .guestDied, !options.verbose {
            standardError.write(history.lastLines.map { "swiftlet: guest: \($0)\n" }.joined())
        }
        if options.verbose { RunSummary(machine, begin: begin).print() }
        return (report, machine.events.time(from: .started, to: .commandsCanRun))
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
