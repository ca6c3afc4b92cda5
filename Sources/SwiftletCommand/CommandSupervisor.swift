import Agent
import Control
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
    private static let lastWordsGrace: UInt64 = 1_000_000_000

    private let machine: Machine
    private let plan: CommandPlan
    private var input: CommandInput?
    /// On its way from a terminal to the command.
    private var typed: GuestInput?
    let loop: EventLoop
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

    /// The machine as others see it, if they do.
    var published: PublishedMachine?
    /// Why output could not be written; a reader that has gone is no such reason.
    private(set) var outputFailure: Errno?

    /// - Parameters:
    ///   - signals: blocked in all threads.
    ///   - terminal: which the command is to have; raw from the command's start to its end.
    ///   - limit: nanoseconds; nil for none.
    init(
        _ machine: Machine, _ plan: CommandPlan, signals set: SignalSet, terminal: consuming Terminal?,
        timeLimit limit: UInt64?
    ) throws(SystemCallError) {
        self.machine = machine
        self.plan = plan
        request = plan.request
        loop = try EventLoop(name: "main")
        signals = try SignalDescriptor(set)
        input = CommandInput(terminal, on: loop) { [unowned self] in resize() }
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
        input?.stop()
        typed?.stop()
        if case .command = ending, plan.savesState, !machineHasEnded {
            worker?.powerOff()
            loop.schedule(after: Self.powerOffGrace) { [machine] in machine.end(.killed(.finished)) }
            while !machineHasEnded { loop.turn(waiting: true) }
        }
        machine.end(.killed(.finished))
        machine.join()
        worker?.close()
        worker = nil
        return ending ?? .machine
    }

    // MARK: The command

    private func serve(_ event: Worker.Event) {
        published?.agentChanged(event)
        switch event {
        case .ready: start()
        case .failed(let error):
            // A machine that goes down takes its agent with it, and knows better why.
            let isGone = error as? AgentError == .closed
            loop.schedule(after: isGone ? Self.lastWordsGrace : 0) { [unowned self] in
                end(isGone ? .machine : .failure(error))
            }
        }
    }

    private func start() {
        if let size = input?.size { request.terminal = .init(rows: size.rows, columns: size.columns) }
        do {
            let streams = CommandStreams(input: try startInput(), output: STDOUT_FILENO, errors: STDERR_FILENO)
            command = try worker?.run(request, streams: streams) { [unowned self] event in
                switch event {
                // A terminal that goes sends SIGHUP.
                case .outputFailed(_, .ioError) where request.terminal != nil: break
                case .outputFailed(_, let errno) where errno != .brokenPipe: outputFailure = errno
                case .over(.unknown(.closed)): break
                case .over(let ending):
                    end(powerOffSignal.map { .signal($0) } ?? .command(ending))
                case .started: machine.events.mark(.commandStarted)
                case .exited: machine.events.mark(.commandEnded)
                case .inputFailed(let errno): standardError.write(CommandReport.inputFailure(errno))
                case .outputFailed: break
                }
            }
        } catch {
            end(.failure(error))
        }
    }

    /// - Returns: where the command's input is to be read.
    private func startInput() throws(SystemCallError) -> CInt {
        guard isatty(STDIN_FILENO) == 1 else { return STDIN_FILENO }
        let typed = try GuestInput(on: loop)
        self.typed = typed
        // Until now Ctrl-C is a signal, and ends the machine.
        input?.start { [unowned self] event in
            switch event {
            case .bytes(let bytes):
                // It waits for each piece to be taken, so that there is room for the next.
                try? typed.write(bytes)
                typed.whenTaken { [weak self] in self?.input?.resume() }
            case .ended, .failed: typed.close()
            case .left: end(.signal(SIGINT))
            }
        }
        return typed.descriptor
    }

    // MARK: Others

    /// What others can have done with the machine.
    var owner: MachineServer.Owner {
        MachineServer.Owner(
            stop: { [unowned self] in stop(grace: $0) }, kill: { [unowned self] in end(.signal(SIGKILL)) },
            run: { [unowned self] in try worker?.run($0, streams: $1, report: $2) })
    }

    /// - Parameter grace: how long the command may take to end, in nanoseconds.
    private func stop(grace: UInt64) {
        guard let command else { return end(.signal(SIGTERM)) }
        command.signal(SIGTERM)
        loop.schedule(after: grace) { [unowned self] in end(.signal(SIGKILL)) }
    }

    // MARK: Signals

    private func serve(_ signal: CInt) {
        switch signal {
        case SIGTSTP: input?.stopProcess()
        case SIGCONT: input?.takeTerminal()
        case SIGWINCH: resize()
        case SIGINT: interrupt()
        default:
            if let command { command.signal(signal) } else { end(.signal(signal)) }
        }
    }

    private func resize() {
        if let size = input?.size { command?.resize(.init(rows: size.rows, columns: size.columns)) }
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
