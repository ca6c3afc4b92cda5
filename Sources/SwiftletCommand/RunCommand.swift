import ArgumentParser
import Boot
import Control
import Devices
import Glibc
import KVM
import Linux
import Machine
import MachineConfiguration
import Synchronization
import SystemPackage

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a command in a virtual machine, or boots one on this terminal.",
        discussion: """
            With a command, the machine boots for it alone: stdin, stdout, stderr and the exit status are the command's, it \
            sees the host's files under a layer that goes with the machine, and signals go to it. 126 and 127 are a \
            shell's: not executable, not found. On a terminal the keys are the command's, too, but for Ctrl-] then q, which \
            leaves and kills the machine.

            Without one, the guest boots what its --initrd and disks have. Its console, its first serial port or, with --console virtio, hvc0, is stdin and stdout. On a \
            terminal, Ctrl-] then q leaves and kills the machine.

            The exit status is 0 when the guest powers off or reboots, 255 when it panics or faults, 124 when the time \
            limit runs out and 125 when Swiftlet fails. A guest can set it through its debug-exit port. A signal \
            presses the guest's power button, and is what Swiftlet then dies of; a second one kills.

            Examples:
              swiftlet run -- uname -r
              swiftlet run --share src:/src --share out:/out:rw --timeout 10m -- make -C /src O=/out
              swiftlet run --kernel vmlinuz --initrd initrd.img
              swiftlet run --kernel vmlinux --cpus 4 --timeout 90s
              swiftlet run --kernel vmlinuz --append quiet > console.log
              swiftlet run --kernel vmlinuz --disk path=disk.img --net user
              swiftlet run --config vm.json --memory 4G

            A vm.json for the last one:
              {"kernel": {"path": "vmlinuz", "initrd": "initrd.img"},
               "cpus": 2, "disks": [{"id": "root", "path": "disk.img"}]}
            """)

    /// Apart from `command`, so that an unknown option can be compared with them.
    struct Options: ParsableArguments {
        @OptionGroup var machine: MachineOptions

        @OptionGroup(title: "Options for a command in the guest") var command: CommandOptions

        @Option(
            help: ArgumentHelp("Kill the machine after this time, such as 90s or 10m.", valueName: "duration"),
            transform: OptionValue.timeSpan)
        var timeout: TimeSpan?

        @Option(
            help: ArgumentHelp(
                """
                A file to write one line of JSON to at the end: how the command ended (cause, code, signal), and what time \
                it took (wallMs, bootMs).
                """, valueName: "file"), completion: .file())
        var statusFile: String?

        @Option(
            help: ArgumentHelp(
                "What 'swiftlet ps', 'exec', 'cp', 'logs' and 'stop' call the machine (default: its process id).",
                valueName: "name"))
        var name: String?

        @Flag(name: .short, help: "Tell on stderr what the machine did: milestones, exits, a fault's registers.")
        var verbose = false
    }

    @OptionGroup var options: Options

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var command: [String] = []

    func validate() throws {
        // Everything from the first unknown word on is here, an unknown option as well.
        if let first = command.first, first != "--", first.hasPrefix("-") {
            if ["-h", "--help"].contains(first) { throw CleanExit.helpRequest(self) }
            do {
                _ = try Options.parse([first])
            } catch {
                throw ValidationError(Options.message(for: error))
            }
        }
        if words.isEmpty {
            try options.command.refuseWithoutCommand()
            if options.statusFile != nil {
                throw ValidationError("--status-file tells how a command ended, and there is none: add '-- COMMAND'")
            }
        } else if options.machine.initrd != nil {
            throw ValidationError(
                "a command is run by Swiftlet's own /init: leave out --initrd, or the command '\(words[0])'")
        }
    }

    /// The command in the guest and its arguments.
    var words: [String] { command.first == "--" ? Array(command.dropFirst()) : command }

    func run() throws {
        guard words.isEmpty else {
            throw ExitCode(try CommandRun(options, words: CommandLine.lastWords(words.count)).run())
        }
        let (configuration, origin) = try options.machine.configuration()
        let end = try origin.withLimits(of: configuration) { try runMachine(configuration, origin) }
        // Nothing of the machine is left now, as a signal would leave it.
        try self.end(end.outcome, signal: end.signal, lostOutput: end.lostOutput)
    }

    /// Runs the machine from its making to its end.
    ///
    /// - Returns: as the parameters of `end`.
    private func runMachine(
        _ configuration: VMConfiguration, _ origin: ConfigurationOrigin
    ) throws -> (outcome: Outcome?, signal: CInt?, lostOutput: Errno?) {
        let begin = monotonicNanoseconds()
        ProcessSignals.ignoreFileSizeLimit()
        let machine = try makeMachine(configuration, origin)
        let supervisor = try Supervisor(
            machine, signals: ProcessSignals.takeOver(), terminal: Terminal(STDIN_FILENO),
            timeLimit: options.timeout?.nanoseconds)
        let history = ConsoleHistory()
        let published = try PublishedMachine.publish(
            machine, configuration, name: options.name, command: [], history: history, on: supervisor.loop,
            owner: supervisor.owner, isVerbose: options.verbose)
        let outputFailure = OutputFailure()
        let console = try ConsoleThread(
            console: machine.console, port: machine.consolePort, input: STDIN_FILENO, output: STDOUT_FILENO,
            interactive: supervisor.isInteractive,
            tap: {
                machine.observe(console: $0)
                history.add($0)
            },
            report: { [consoleEnded = supervisor.consoleEnded] event in
                switch event {
                case .outputFailed(let error):
                    outputFailure.error.withLock { $0 = error.errno }
                    machine.end(.killed(.outputFailure(error.errno)))
                case .leaveRequested: machine.end(.killed(.user))
                case .ended: consoleEnded.counter.signal()
                case .inputEnded, .inputFailed: break
                }
            })
        try machine.start()
        WorkingSet.releaseCode()
        supervisor.awaitEnd()
        machine.join()
        supervisor.awaitOutput(console)
        console.join()
        if let outcome = machine.outcome { published?.finish(outcome) }
        supervisor.restoreTerminal()

        for report in machine.events.reports { standardError.write("swiftlet: \(report)\n") }
        if options.verbose { RunSummary(machine, begin: begin).print() }
        return (machine.outcome, supervisor.endingSignal, outputFailure.error.withLock { $0 })
    }

    /// On its own, so that the plan, which may hold an unpacked kernel, is gone when the machine runs.
    private func makeMachine(_ configuration: VMConfiguration, _ origin: ConfigurationOrigin) throws -> Machine {
        if configuration.agent != nil {
            throw ValidationError("the machine has an agent, which runs a command, and there is none: add '-- COMMAND'")
        }
        do {
            let plan = try MachinePlan(configuration, cache: UserDirectories.kernelCache)
            for warning in plan.warnings + origin.warnings { standardError.write("swiftlet: \(warning)\n") }
            return try Machine(try System(), plan)
        } catch {
            throw origin.explain(error)
        }
    }

    /// Turns the machine's outcome into the end of this process.
    ///
    /// - Parameter lostOutput: why output could not be written, perhaps after the guest had ended in peace.
    private func end(_ outcome: Outcome?, signal: CInt?, lostOutput: Errno?) throws {
        switch outcome {
        case .killed(.signal(let number)): ProcessSignals.die(of: number)
        case .killed(.outputFailure(.brokenPipe)): ProcessSignals.die(of: SIGPIPE)
        case .killed(.outputFailure(let errno)): try end(.failure, "stdout: \(errno); the machine was killed")
        case .killed(.timeLimit): try end(.timedOut, "the time limit of \(options.timeout?.description ?? "") ran out")
        case .killed(.user), .killed(.finished): throw ExitCode.success
        case .failed(let report): try end(.failure, report)
        case .fault(let report): try end(.guestDied, report)
        case .panicked(let reason):
            try end(.guestDied, "the guest's kernel panicked" + (reason.map { ": \($0)" } ?? ""))
        case .poweredOff, .reset, nil:
            if lostOutput == .brokenPipe { ProcessSignals.die(of: SIGPIPE) }
            if let lostOutput { try end(.failure, "stdout: \(lostOutput); the end of the output is lost") }
            if let signal { ProcessSignals.die(of: signal) }
            guard case .poweredOff(let code) = outcome else { throw ExitCode.success }
            throw ExitCode(Int32(code))
        }
    }

    private func end(_ status: ExitStatus, _ report: FaultReport) throws -> Never {
        let details = options.verbose && !report.details.isEmpty ? "\n" + report.details : ""
        try end(status, report.summary + details)
    }

    private func end(_ status: ExitStatus, _ message: String) throws -> Never {
        standardError.write("swiftlet: \(message)\n")
        throw ExitCode(status.rawValue)
    }
}

/// What the console's thread tells of a failed write.
private final class OutputFailure: Sendable {
    let error = Mutex<Errno?>(nil)
}
