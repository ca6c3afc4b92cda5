import Agent
import Devices
import Glibc
import Linux
import Machine
import SystemPackage
import Worker

/// The main thread's work while a guest runs a command: its streams, signals, the time limit, and the end of both.
final class CommandSupervisor {
    /// How long a guest may take to write everything back and power off.
    private static let powerOffGrace: UInt64 = 10_000_000_000
    /// The same for a guest that a user wants to be off.
    private static let interruptGrace: UInt64 = 2_000_000_000
    /// How long after another SIGINT means more than the first.
    private static let interruptWindow: UInt64 = 2_000_000_000
    /// How long after the agent has gone a machine that goes down may take for that.
    private static let lastWordsGrace: UInt64 = 2_000_000_000

    private let machine: Machine
    private let plan: CommandPlan
    private let terminal: Terminal?
    private let streams: CommandStreams
    private let loop: EventLoop
    private let signals: SignalDescriptor
    private var request: CommandRequest
    private var watch: EndWatch?
    private var worker: Worker?
    private var command: GuestCommand?
    private var machineHasEnded = false
    private var ending: CommandReport.Ending?
    private var interrupts: [UInt64] = []
    /// The signal for which the guest is powered off.
    private var powerOffSignal: CInt?

    /// When commands could run, on `CLOCK_MONOTONIC` in nanoseconds.
    private(set) var readyTime: UInt64?
    /// Why output could not be written; a reader that has gone is no such reason.
    private(set) var outputFailure: Errno?

    /// - Parameters:
    ///   - signals: blocked in all threads.
    ///   - terminal: which the command is to have; stays raw until this object's end.
    ///   - limit: nanoseconds; nil for none.
    init(
        _ machine: Machine, _ plan: CommandPlan, signals set: SignalSet, terminal: consuming Terminal?,
        timeLimit limit: UInt64?
    ) throws(SystemCallError) {
        self.machine = machine
        self.plan = plan
        request = plan.request
        var input: CInt? = STDIN_FILENO
        // A terminal that another process has is not to be read.
        if let isRaw = try terminal?.enterRawMode() { input = isRaw ? STDIN_FILENO : nil }
        self.terminal = terminal
        streams = CommandStreams(input: input, output: STDOUT_FILENO, errors: STDERR_FILENO)
        loop = try EventLoop(name: "main")
        signals = try SignalDescriptor(set)
        worker = try Worker(machine, plan.configuration, on: loop) { [unowned self] in serve($0) }
        watch = try EndWatch(machine, on: loop) { [unowned self] in
            machineHasEnded = true
            end(powerOffSignal.map { .signal($0) } ?? .machine)
        }
        try loop.watch(signals.descriptor.rawValue, for: .readable) { [unowned self] _ in
            while let signal = signals.next() { serve(signal) }
        }
        if let limit { loop.schedule(after: limit) { [unowned self] in end(.timeLimit) } }
    }

    private func end(_ ending: CommandReport.Ending) {
        if self.ending == nil { self.ending = ending }
    }

    /// Sees the command and the machine to their ends; the machine has started.
    func run() -> CommandReport.Ending {
        while ending == nil { loop.turn(waiting: true) }
        if case .command = ending, plan.savesState, !machineHasEnded {
            worker?.powerOff()
            loop.schedule(after: Self.powerOffGrace) { [machine] in machine.end(.killed(.finished)) }
            while !machineHasEnded { loop.turn(waiting: true) }
        }
        machine.end(.killed(.finished))
        machine.join()
        worker?.close()
        worker = nil
        terminal?.restore()
        return ending ?? .machine
    }

    // MARK: The command

    private func serve(_ event: Worker.Event) {
        switch event {
        case .ready:
            readyTime = monotonicNanoseconds()
            start()
        case .failed(let error):
            // A machine that goes down takes its agent with it, and knows better why.
            let isGone = error as? AgentError == .closed
            loop.schedule(after: isGone ? Self.lastWordsGrace : 0) { [unowned self] in end(.failure(error)) }
        }
    }

    private func start() {
        if let size = terminal?.size() { request.terminal = .init(rows: size.rows, columns: size.columns) }
        do {
            command = try worker?.run(request, streams: streams) { [unowned self] event in
                switch event {
                case .outputFailed(_, let errno) where errno != .brokenPipe: outputFailure = errno
                case .over(.unknown(.closed)): break
                case .over(let ending):
                    end(powerOffSignal.map { .signal($0) } ?? .command(ending))
                case .started, .exited, .outputFailed: break
                }
            }
        } catch {
            end(.failure(error))
        }
    }

    // MARK: Signals

    private func serve(_ signal: CInt) {
        switch signal {
        case SIGTSTP where terminal == nil: raise(SIGSTOP)
        // Where the terminal cannot be set, it stays as its user has it.
        case SIGTSTP: try? terminal?.stopProcess()
        case SIGCONT: try? terminal?.processContinued()
        case SIGWINCH:
            if let size = terminal?.size() { command?.resize(.init(rows: size.rows, columns: size.columns)) }
        case SIGINT: interrupt()
        default:
            if let command { command.signal(signal) } else { end(.signal(signal)) }
        }
    }

    /// The first goes to the command, a second soon after powers the guest off, a third kills it.
    private func interrupt() {
        guard let command, interrupts.count < 2 else { return end(.signal(SIGINT)) }
        let now = monotonicNanoseconds()
        interrupts.removeAll { powerOffSignal == nil && now - $0 > Self.interruptWindow }
        interrupts.append(now)
        if interrupts.count == 1 { return command.signal(SIGINT) }
        powerOffSignal = SIGINT
        worker?.powerOff()
        loop.schedule(after: Self.interruptGrace) { [unowned self] in end(.signal(SIGINT)) }
    }
}
