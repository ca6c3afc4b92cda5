import Agent
import Control
import ControlMessages
import Glibc
import Linux
import RuntimeDirectory
import SystemPackage

/// `swiftlet exec`: a command in a machine of another process, from its start to its end.
final class ExecRun {
    /// Bytes of output that are on their way at a time.
    private static let window = 256 << 10
    /// How long after another SIGINT means more than the first.
    private static let interruptWindow: UInt64 = 2_000_000_000

    /// How long a machine that goes down may take to tell so.
    private static let lastWordsGrace: UInt64 = 2_000_000_000

    private let options: ExecCommand.Options
    private let words: [String]
    private let loop: EventLoop
    private let client: ControlClient
    private let signals: SignalDescriptor
    /// Whether the command has one; of stdin, that cannot be told any more when a terminal has gone.
    private let hasTerminal: Bool
    private var input: CommandInput?
    private var outputs: [ExecOutput.Stream: OutputQueue] = [:]
    /// The command's, once it runs.
    private var id: UInt32?
    private var exit: CommandEnd?
    private var ending: CommandReport.Ending?
    private var outputFailure: Errno?
    private var interrupts: [UInt64] = []

    init(_ options: ExecCommand.Options, words: [String], _ machine: MachineEntry) throws {
        self.options = options
        self.words = words
        loop = try EventLoop(name: "main")
        client = try MachineLookup.connect(to: machine, on: loop)
        ProcessSignals.ignoreFileSizeLimit()
        signals = try SignalDescriptor(ProcessSignals.takeOverForCommand())
        hasTerminal = options.process.wantsTerminal
        let terminal = hasTerminal ? Terminal(STDIN_FILENO) : nil
        input = CommandInput(terminal, on: loop) { [unowned self] in resize() }
    }

    func run() throws -> CommandReport {
        for (stream, descriptor) in [(ExecOutput.Stream.stdout, STDOUT_FILENO), (.stderr, STDERR_FILENO)] {
            outputs[stream] = try OutputQueue(descriptor, on: loop) { [unowned self] in serve($0) }
        }
        client.closed = { [unowned self] in machineHasEnded() }
        client.on(VMEnding.self) { [unowned self] _ in machineHasEnded() }
        client.on(ExecOutput.self) { [unowned self] in take($0) }
        client.on(ExecExited.self) { [unowned self] exited in
            guard exited.id == id else { return }
            exit = exited.end
            endIfDone()
        }
        try loop.watch(signals.descriptor.rawValue, for: .readable) { [unowned self] _ in
            while let signal = signals.next() { serve(signal) }
        }
        if let limit = options.timeout?.nanoseconds {
            loop.schedule(after: limit) { [unowned self] in end(.timeLimit) }
        }
        start()
        while ending == nil { loop.turn(waiting: true) }
        input?.stop()

        var report = CommandReport(ending ?? .machine, nil, command: words[0], limit: options.timeout)
        if let outputFailure { report.note(outputFailure: outputFailure) }
        if let message = report.message { standardError.write("swiftlet: \(message)\n") }
        return report
    }

    private func end(_ ending: CommandReport.Ending) {
        if self.ending == nil { self.ending = ending }
    }

    // MARK: The command

    private func start() {
        guard !words[0].isEmpty else { return end(.command(.notStarted(.execution, errno: ENOENT))) }
        var params = ExecStart.Params(command: words)
        for variable in options.process.environment {
            let name = variable.prefix { $0 != UInt8(ascii: "=") }
            let value = variable.dropFirst(name.count + 1)
            params.environment[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        params.directory = options.process.workdir.map { $0.hasPrefix("/") ? $0 : "/" + $0 }
        (params.uid, params.gid) = (options.process.user?.uid ?? 0, options.process.user?.gid ?? 0)
        params.stdin = true
        params.window = Self.window
        if hasTerminal { params.terminal = size ?? TerminalSize(rows: 24, columns: 80) }
        client.send(ExecStart.self, params) { [unowned self] answer in
            switch answer {
            case .success(let result):
                id = result.id
                // Until now Ctrl-C is a signal, and ends this process.
                input?.start { [unowned self] in serve($0, id: result.id) }
            case .failure(let error): end(CommandReport.Ending(error))
            }
        }
    }

    private var size: TerminalSize? {
        input?.size.map { TerminalSize(rows: $0.rows, columns: $0.columns) }
    }

    private func serve(_ event: InputReader.Event, id: UInt32) {
        switch event {
        case .bytes(let bytes):
            client.send(ExecWrite.self, ExecWrite.Params(id: id, text: .bytes(bytes), wait: true)) {
                [unowned self] answer in
                // A command that takes no more has ended, which is told apart.
                if case .success = answer { input?.resume() }
            }
        case .ended: client.send(ExecCloseStdin.self, CommandID(id: id)) { _ in }
        case .failed(let errno):
            standardError.write(CommandReport.inputFailure(errno))
            client.send(ExecCloseStdin.self, CommandID(id: id)) { _ in }
        case .left: end(.signal(SIGINT))
        }
    }

    private func take(_ output: ExecOutput) {
        guard output.id == id else { return }
        outputs[output.stream]?.write(output.text.bytes)
    }

    private func serve(_ event: OutputQueue.Event) {
        guard let id else { return }
        switch event {
        case .delivered(let count):
            client.send(ExecAck.self, ExecAck.Params(id: id, bytes: count)) { _ in }
            endIfDone()
        case .failed(.brokenPipe):
            // As the command would find it if it wrote there itself.
            client.send(ExecSignal.self, ExecSignal.Params(id: id, signal: SIGPIPE)) { _ in }
        // A terminal that goes sends SIGHUP.
        case .failed(.ioError) where hasTerminal: break
        case .failed(let errno): outputFailure = errno
        }
    }

    private func endIfDone() {
        guard let exit, outputs.values.allSatisfy(\.isEmpty) else { return }
        // A machine that goes down takes its commands with it, and knows better why.
        if exit.isKnown { return end(CommandReport.Ending(exit)) }
        loop.schedule(after: Self.lastWordsGrace) { [unowned self] in end(CommandReport.Ending(exit)) }
    }

    /// A command that had ended before may still have a reader who takes his time.
    private func machineHasEnded() {
        if exit?.isKnown != true { end(.machine) }
    }

    // MARK: Signals

    private func serve(_ signal: CInt) {
        switch signal {
        case SIGTSTP: input?.stopProcess()
        case SIGCONT: input?.takeTerminal()
        case SIGWINCH: resize()
        default:
            guard let id, exit == nil, !isThirdInterrupt(signal) else { return end(.signal(signal)) }
            client.send(ExecSignal.self, ExecSignal.Params(id: id, signal: signal)) { _ in }
        }
    }

    private func resize() {
        guard let id, let size else { return }
        client.send(ExecResize.self, ExecResize.Params(id: id, rows: size.rows, columns: size.columns)) { _ in }
    }

    private func isThirdInterrupt(_ signal: CInt) -> Bool {
        guard signal == SIGINT else { return false }
        let now = monotonicNanoseconds()
        interrupts.removeAll { now - $0 > Self.interruptWindow }
        interrupts.append(now)
        return interrupts.count > 2
    }
}

extension CommandReport.Ending {
    /// What a machine's server says of a command that did not start.
    fileprivate init(_ error: ControlError) {
        switch (error.field, error.errno) {
        case ("/command", let errno?): self = .command(.notStarted(.execution, errno: errno))
        case ("/directory", let errno?): self = .command(.notStarted(.directory, errno: errno))
        case _ where error.message == ControlClient.goneMessage: self = .machine
        default: self = .failure(error)
        }
    }

    /// What it says of one that did.
    fileprivate init(_ end: CommandEnd) {
        guard let exit = CommandExit(end) else {
            self = .failure(ControlError(.guest, end.message ?? "nobody knows how the command ended"))
            return
        }
        self = .command(.ended(exit, lostOutput: end.message != nil))
    }
}

extension CommandEnd {
    /// Whether it tells how the command's process ended.
    fileprivate var isKnown: Bool { code != nil || signal != nil }
}

extension CommandExit {
    /// - Returns: nil where nobody knows how the command ended.
    fileprivate init?(_ end: CommandEnd) {
        let cause: Cause
        switch (end.code, end.signal) {
        case (let code?, _): cause = .exited(code)
        case (nil, let signal?): cause = .signalled(signal, hasDumpedCore: false)
        case (nil, nil): return nil
        }
        var limits: LimitsMet = []
        for limit in end.limits {
            switch limit {
            case .memory: limits.insert(.memory)
            case .processes: limits.insert(.processes)
            case .disk: limits.insert(.disk)
            }
        }
        self.init(
            cause, userTime: (end.userMs ?? 0) &* 1000, systemTime: (end.systemMs ?? 0) &* 1000,
            residentMemory: end.maxResidentKiB ?? 0, limits: limits)
    }
}
