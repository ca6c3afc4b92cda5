import Control
import Devices
import Glibc
import Linux
import Machine

/// The main thread's work while a machine runs: signals, the time limit, and waiting for the end.
final class Supervisor {
    /// How long a guest may take to power off after its power button was pressed.
    private static let powerOffGrace: UInt64 = 2_000_000_000
    /// How long the reader of the guest's output may take for the rest of it after the machine was killed.
    private static let flushGrace: UInt64 = 1_000_000_000

    /// Signalled when the console's thread has ended.
    let consoleEnded: SharedEventCounter
    /// The signal that asked for the machine's end.
    private(set) var endingSignal: CInt?

    private let machine: Machine
    private let terminal: Terminal?
    /// Whether the user's terminal is the guest's: in raw mode, if only later when this process begins in the background.
    let isInteractive: Bool
    let loop: EventLoop
    private let signals: SignalDescriptor
    private var watch: EndWatch?
    private var machineHasEnded = false
    private var consoleHasEnded = false
    private var outputIsAbandoned = false

    /// - Parameters:
    ///   - signals: blocked in all threads.
    ///   - terminal: stays raw until this object's end, and is put back in order while the process is stopped.
    ///   - limit: nanoseconds; nil for none.
    init(
        _ machine: Machine, signals set: SignalSet, terminal: consuming Terminal?, timeLimit limit: UInt64?
    ) throws(SystemCallError) {
        self.machine = machine
        _ = try terminal?.enterRawMode()
        self.terminal = terminal
        isInteractive = self.terminal != nil
        consoleEnded = try SharedEventCounter()
        loop = try EventLoop(name: "main")
        signals = try SignalDescriptor(set)
        watch = try EndWatch(machine, on: loop) { [unowned self] in machineHasEnded = true }
        try loop.watch(consoleEnded.counter.descriptor.rawValue, for: .readable) { [unowned self] _ in
            consoleEnded.counter.drain()
            consoleHasEnded = true
        }
        try loop.watch(signals.descriptor.rawValue, for: .readable) { [unowned self] _ in
            while let signal = signals.next() { serve(signal) }
        }
        if let limit {
            loop.schedule(after: limit) { [unowned self] in
                if machineHasEnded { outputIsAbandoned = true } else { machine.end(.killed(.timeLimit)) }
            }
        }
        resizeConsole()
    }

    /// What others can have done with the machine.
    var owner: MachineServer.Owner {
        MachineServer.Owner(
            stop: { [unowned self] in watch?.powerOff(grace: $0, killer: .signal(SIGKILL)) },
            kill: { [machine] in machine.end(.killed(.signal(SIGKILL))) })
    }

    /// Waits for the machine's end.
    func awaitEnd() {
        while !machineHasEnded { loop.turn(waiting: true) }
    }

    /// Waits until all output of the ended machine is with its reader. A reader may take its time, until a signal
    /// or the time limit says otherwise; after a kill or a signal it gets a second.
    func awaitOutput(_ console: borrowing ConsoleThread) {
        console.finish()
        if endingSignal != nil || wasKilled {
            loop.schedule(after: Self.flushGrace) { [unowned self] in outputIsAbandoned = true }
        }
        while !consoleHasEnded {
            loop.turn(waiting: true)
            if outputIsAbandoned { console.stop() }
        }
    }

    private var wasKilled: Bool {
        if case .killed = machine.events.outcome { true } else { false }
    }

    func restoreTerminal() {
        terminal?.restore()
    }

    private func takeTerminal() {
        // Where the terminal cannot be set, it stays as its user has it.
        _ = try? terminal?.enterRawMode()
        resizeConsole()
    }

    /// Gives the guest's console the size of the user's terminal.
    private func resizeConsole() {
        guard let size = terminal?.size() else { return }
        machine.resizeConsole(columns: size.columns, rows: size.rows)
    }

    private func serve(_ signal: CInt) {
        switch signal {
        case SIGTSTP where terminal == nil: raise(SIGSTOP)
        case SIGTSTP:
            terminal?.stopProcess()
            takeTerminal()
        case SIGCONT: takeTerminal()
        case SIGWINCH: resizeConsole()
        case _ where machineHasEnded:
            endingSignal = signal
            outputIsAbandoned = true
        case SIGQUIT:
            machine.end(.killed(.signal(signal)))
        case _ where endingSignal != nil:
            machine.end(.killed(.signal(signal)))
        default:
            endingSignal = signal
            watch?.powerOff(grace: Self.powerOffGrace, killer: .signal(signal))
        }
    }
}
