import Linux

/// What happens to a console that its owner may want to know.
public enum ConsoleEvent: Equatable, Sendable {
    /// Writing failed. From now on output is taken from the guest and dropped.
    case outputFailed(SystemCallError)
    /// The input's end was reached; the guest is not told.
    case inputEnded
    case inputFailed(SystemCallError)
    /// The user typed the escape, Ctrl-] q.
    case leaveRequested
    /// The pump has ended; after `finish()`, with all output written or dropped.
    case ended
}

/// Moves a console's bytes: from the guest's port to the output by way of the ring, from the input to the port.
///
/// The pump sleeps until there is something to do. Once there was output, it looks for more every millisecond
/// until there is none, so that a guest which prints steadily never has to wake it, which costs a system call,
/// and a byte waits for a millisecond at most.
final class ConsolePump: Sendable {
    private enum Token {
        static let wake: UInt64 = 0
        static let input: UInt64 = 1
        static let output: UInt64 = 2
    }

    private static let lingerMilliseconds: CInt = 1

    private let console: Console
    private let port: any ConsolePort
    private let input: CInt?
    private let output: NonblockingOutput
    private let interactive: Bool
    private let tap: (@Sendable (UnsafeRawBufferPointer) -> Void)?
    private let report: @Sendable (ConsoleEvent) -> Void
    private let poller: Poller

    init(
        console: Console, port: any ConsolePort, input: CInt?, output: CInt, interactive: Bool,
        tap: (@Sendable (UnsafeRawBufferPointer) -> Void)?, report: @escaping @Sendable (ConsoleEvent) -> Void
    ) throws(SystemCallError) {
        self.console = console
        self.port = port
        self.input = input
        self.output = try NonblockingOutput(output)
        self.interactive = interactive
        self.tap = tap
        self.report = report
        poller = try Poller()
        try poller.add(console.wake.descriptor.rawValue, for: .readable, token: Token.wake)
    }

    /// How far the output has come.
    private struct Progress {
        /// Up to here the output has been shown to the tap.
        var shown: UInt
        var isBroken = false
        /// The output took no more, and is watched for taking some again.
        var isBlocked = false
    }

    /// Works until the console's life ends.
    func run() {
        var progress = Progress(shown: console.ring.head)
        var input = ConsoleInput(input, escape: interactive ? InteractiveEscape() : nil, token: Token.input)
        while true {
            // Looked at before the ring: what was appended before the end is then seen in this pass.
            let phase = console.currentPhase
            var isBusy = false
            if phase == .running {
                isBusy = input.pump(to: port, watching: poller) { report($0.event) }
            } else {
                input.close(poller)
            }
            let seen = progress.shown
            show(&progress)
            write(&progress, dropping: phase == .stopped)
            if phase != .running, console.ring.isEmpty { break }

            let timeout: CInt =
                if isBusy { 0 } else if progress.shown != seen { Self.lingerMilliseconds } else { -1 }
            guard wait(timeout: timeout, &progress, &input) else { break }
        }
        report(.ended)
    }

    /// Shows the tap what is new.
    private func show(_ progress: inout Progress) {
        let end = console.ring.tail
        while progress.shown != end {
            let bytes = console.ring.bytes(from: progress.shown)
            guard !bytes.isEmpty else { return }
            let new = UnsafeRawBufferPointer(rebasing: bytes.prefix(Int(bitPattern: end &- progress.shown)))
            tap?(new)
            progress.shown &+= UInt(new.count)
        }
    }

    /// Writes what has been shown, until the output takes no more.
    private func write(_ progress: inout Progress, dropping: Bool) {
        let ring = console.ring
        while ring.head != progress.shown {
            let bytes = ring.bytes(from: ring.head)
            guard !bytes.isEmpty else { return }
            let count = min(bytes.count, Int(bitPattern: progress.shown &- ring.head))
            if dropping || progress.isBroken {
                made(room: count)
                continue
            }
            if progress.isBlocked { return }
            switch output.write(UnsafeRawBufferPointer(rebasing: bytes[..<count])) {
            case .wrote(let written):
                made(room: written)
            case .full:
                block(&progress)
            case .failed(let errno):
                fail(&progress, SystemCallError("write", on: "console output", errno: errno))
            }
        }
    }

    private func made(room count: Int) {
        console.ring.remove(count)
        if console.takeRoomRequest() { port.roomMade() }
    }

    private func block(_ progress: inout Progress) {
        do {
            try poller.add(output.descriptor.rawValue, for: .writable, token: Token.output)
            progress.isBlocked = true
        } catch {
            fail(&progress, error)
        }
    }

    private func unblock(_ progress: inout Progress) {
        try? poller.remove(output.descriptor.rawValue)
        progress.isBlocked = false
    }

    private func fail(_ progress: inout Progress, _ error: SystemCallError) {
        progress.isBroken = true
        report(.outputFailed(error))
    }

    /// Waits for something to do.
    ///
    /// - Parameter timeout: milliseconds; -1 sleeps until somebody wakes the pump.
    /// - Returns: whether waiting works.
    private func wait(timeout: CInt, _ progress: inout Progress, _ input: inout ConsoleInput) -> Bool {
        let sleeps = timeout < 0 && console.prepareToSleep(seen: progress.shown)
        var isWoken = false
        var canWrite = false
        var canRead = false
        do {
            try poller.wait(timeout: timeout < 0 && !sleeps ? 0 : timeout) { event in
                switch event.token {
                case Token.wake: isWoken = true
                case Token.output: canWrite = true
                default: canRead = true
                }
            }
        } catch {
            report(.outputFailed(error))
            return false
        }
        if sleeps || isWoken { console.awoke() }
        if canWrite { unblock(&progress) }
        if canRead { input.becameReady() }
        return true
    }
}

extension ConsoleInput.End {
    fileprivate var event: ConsoleEvent {
        switch self {
        case .reached: .inputEnded
        case .failed(let error): .inputFailed(error)
        case .left: .leaveRequested
        }
    }
}
