import Glibc
import Linux
import Machine

/// The main thread's work while a machine runs: signals, the time limit, and waiting for the end.
final class Supervisor {
    private enum Token: UInt64 {
        case machine, signals, timeLimit, grace
    }

    /// How long a guest may take to power off after its power button was pressed.
    static let powerOffGrace: UInt64 = 2_000_000_000
    /// How long a guest may take to print its last words after it reported a panic.
    static let panicGrace: UInt64 = 1_000_000_000

    private let machine: Machine
    private let terminal: Terminal?
    private let poller: Poller
    private let signals: SignalDescriptor
    private let timeLimit: Timer
    private let grace: Timer
    /// The signal that asked for the machine's end.
    private(set) var endingSignal: CInt?
    private var panicIsPending = false

    /// - Parameters:
    ///   - signals: blocked in all threads.
    ///   - terminal: put back in order while the process is stopped.
    ///   - timeLimit: nanoseconds; nil for none.
    init(
        _ machine: Machine, signals set: SignalSet, terminal: Terminal?, timeLimit limit: UInt64?
    ) throws(SystemCallError) {
        self.machine = machine
        self.terminal = terminal
        poller = try Poller()
        signals = try SignalDescriptor(set)
        timeLimit = try Timer()
        grace = try Timer()
        for (member, token) in [
            (machine.events.changed.descriptor.rawValue, Token.machine), (signals.descriptor.rawValue, .signals),
            (timeLimit.descriptor.rawValue, .timeLimit), (grace.descriptor.rawValue, .grace),
        ] {
            try poller.add(member, for: .readable, token: token.rawValue)
        }
        if let limit { try timeLimit.arm(nanoseconds: limit) }
    }

    /// Waits for the machine's end and answers how it came.
    func awaitEnd() throws(SystemCallError) -> Outcome {
        while true {
            if let outcome = machine.events.outcome { return outcome }
            var ready: [Token] = []
            try poller.wait { event in Token(rawValue: event.token).map { ready.append($0) } }
            for token in ready { try serve(token) }
        }
    }

    private func serve(_ token: Token) throws(SystemCallError) {
        switch token {
        case .machine:
            machine.events.changed.drain()
            if machine.events.panicReported, !panicIsPending {
                panicIsPending = true
                try grace.arm(nanoseconds: Self.panicGrace)
            }
        case .signals:
            while let signal = signals.next() { try serve(signal: signal) }
        case .timeLimit:
            machine.end(.killed(.timeLimit))
        case .grace:
            machine.end(panicIsPending ? .panicked(reason: nil) : .killed(.signal(endingSignal ?? SIGTERM)))
        }
    }

    private func serve(signal: CInt) throws(SystemCallError) {
        switch signal {
        case SIGTSTP:
            terminal?.restore()
            raise(SIGSTOP)
        case SIGCONT:
            terminal?.makeRaw()
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
