import Devices
import Glibc
import Linux
import Machine

/// The main thread's work while a machine runs: signals, the time limit, and waiting for the end.
final class Supervisor {
    private enum Token: UInt64 {
        case machine, console, signals, timeLimit, grace
    }

    /// How long a guest may take to power off after its power button was pressed.
    private static let powerOffGrace: UInt64 = 2_000_000_000
    /// How long a guest may take to print its last words after it reported a panic.
    private static let panicGrace: UInt64 = 1_000_000_000
    /// How long the reader of the guest's output may take for the rest of it after the machine was killed.
    private static let flushGrace: UInt64 = 1_000_000_000

    /// Signalled when the console's thread has ended.
    let consoleEnded: SharedEventCounter
    /// The signal that asked for the machine's end.
    private(set) var endingSignal: CInt?

    private let machine: Machine
    private let terminal: Terminal?
    /// Whether the user's terminal is the guest's, in raw mode.
    let isInteractive: Bool
    private let poller: Poller
    private let signals: SignalDescriptor
    private let timeLimit: Timer
    private let grace: Timer
    private var panicIsPending = false

    /// - Parameters:
    ///   - signals: blocked in all threads.
    ///   - terminal: stays raw until this object's end, and is put back in order while the process is stopped.
    ///   - limit: nanoseconds; nil for none.
    init(
        _ machine: Machine, signals set: SignalSet, terminal: consuming Terminal?, timeLimit limit: UInt64?
    ) throws(SystemCallError) {
        self.machine = machine
        isInteractive = try terminal?.enterRawMode() ?? false
        self.terminal = terminal
        consoleEnded = try SharedEventCounter()
        poller = try Poller()
        signals = try SignalDescriptor(set)
        timeLimit = try Timer()
        grace = try Timer()
        for (member, token) in [
            (machine.events.changed.descriptor.rawValue, Token.machine),
            (consoleEnded.counter.descriptor.rawValue, .console),
            (signals.descriptor.rawValue, .signals), (timeLimit.descriptor.rawValue, .timeLimit),
            (grace.descriptor.rawValue, .grace),
        ] {
            try poller.add(member, for: .readable, token: token.rawValue)
        }
        if let limit { try timeLimit.arm(nanoseconds: limit) }
        resizeConsole()
    }

    /// Waits for the machine's end.
    func awaitEnd() throws(SystemCallError) {
        while machine.events.outcome == nil {
            for token in try nextEvents() {
                switch token {
                case .machine:
                    machine.events.changed.drain()
                    if machine.events.panicReported, !panicIsPending {
                        panicIsPending = true
                        try grace.arm(nanoseconds: Self.panicGrace)
                    }
                case .signals:
                    while let signal = signals.next() { try serve(signal) }
                case .timeLimit:
                    machine.end(.killed(.timeLimit))
                case .grace:
                    machine.end(panicIsPending ? .panicked(reason: nil) : .killed(.signal(endingSignal ?? SIGTERM)))
                case .console:
                    consoleEnded.counter.drain()
                }
            }
        }
    }

    /// Waits until all output of the ended machine is with its reader. A reader may take its time, until a signal
    /// or the time limit says otherwise; after a kill it gets a second.
    func awaitOutput(_ console: borrowing ConsoleThread) throws(SystemCallError) {
        console.finish()
        if case .killed = machine.events.outcome { try grace.arm(nanoseconds: Self.flushGrace) }
        while true {
            for token in try nextEvents() {
                switch token {
                case .console: return
                case .machine: machine.events.changed.drain()
                case .signals:
                    while let signal = signals.next() {
                        if [SIGTSTP, SIGCONT, SIGWINCH].contains(signal) { continue }
                        endingSignal = signal
                        console.stop()
                    }
                case .timeLimit, .grace: console.stop()
                }
            }
        }
    }

    func restoreTerminal() {
        terminal?.restore()
    }

    /// Gives the guest's console the size of the user's terminal.
    private func resizeConsole() {
        guard let size = terminal?.size() else { return }
        machine.resizeConsole(columns: size.columns, rows: size.rows)
    }

    private func nextEvents() throws(SystemCallError) -> [Token] {
        var tokens: [Token] = []
        try poller.wait { event in
            if let token = Token(rawValue: event.token) { tokens.append(token) }
        }
        return tokens
    }

    private func serve(_ signal: CInt) throws(SystemCallError) {
        switch signal {
        case SIGTSTP where terminal == nil: raise(SIGSTOP)
        case SIGTSTP: try terminal?.stopProcess()
        case SIGCONT: try terminal?.processContinued()
        case SIGWINCH: resizeConsole()
        case SIGQUIT:
            machine.end(.killed(.signal(signal)))
        case _ where endingSignal != nil:
            machine.end(.killed(.signal(signal)))
        default:
            endingSignal = signal
            machine.pressPowerButton()
            try grace.arm(nanoseconds: Self.powerOffGrace)
        }
    }
}
