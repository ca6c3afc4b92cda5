import CLinux
import Glibc
import Linux

/// One command's run in a machine that has been started: hears when the machine is ready, gives it the command, and
/// passes its output on until its status has come.
final class Session {
    /// What came of it.
    enum Outcome: Equatable {
        case exited(CInt)
        case timedOut
        /// We were told to end by this signal.
        case interrupted(CInt)
        /// Nobody reads the command's output any more.
        case outputClosed
        /// The machine ended, or got stuck, before the command was started: trying again does no harm.
        case notStarted(String)
        /// The machine ended under the command.
        case lost(String)

        var isWorthAnotherTry: Bool {
            if case .notStarted = self { true } else { false }
        }
    }

    private static let longestReport = 64 << 10
    private static let longestControlLine = 4096
    /// Nanoseconds between two nudges of the machine.
    ///
    /// While a CPU enters or leaves a guest, QEMU 7.2 may lose that it has been interrupted (its SVM helpers change
    /// `interrupt_request` without a lock). Was it for the CPU's own timer, then that never interrupts again, and a
    /// guest that spins keeps the CPU for ever: two in three runs of the tests hung so. With the next interrupt of any
    /// device both are seen.
    private static let nudgeInterval: UInt64 = 100_000_000

    private let emulator: ChildProcess
    private let channels: Emulator.Channels
    private let interruptions: Interruptions
    private let timing: Timing
    private let verbose: Bool
    private let wantsDirectory: Bool

    private let mark = (0..<3).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 36) }.joined()
    private var streams: [HostPort: MarkedStream] = [:]
    private var outputs: [HostPort: OutputDescriptor]
    private var controlLine: [UInt8] = []
    /// Whether the command may have begun.
    private var hasBegun = false
    /// When the machine last said that it is alive, on the clock of `monotonicNanoseconds()`.
    private var lastPulse: UInt64 = 0
    private var nextNudge: UInt64 = 0
    private var status: CInt?
    private var outcome: Outcome?
    /// What will come of it when all that the machine left is written: it has ended.
    private var end: Outcome?
    private var closedReports: Set<CInt> = []
    /// The last that the machine said, its emulator as well as its kernel.
    private(set) var report: [UInt8] = []

    /// When to give up, on the clock of `monotonicNanoseconds()`.
    struct Timing {
        let end: UInt64
        /// For the command to begin.
        let begin: UInt64
        /// Nanoseconds that a machine may be silent for, which otherwise says every two seconds that it is alive.
        let patience: UInt64
    }

    /// - Parameter outputs: where the streams go; without one for the directory, the command's `$OUT` is left there.
    init(
        _ emulator: ChildProcess, channels: Emulator.Channels, interruptions: Interruptions, timing: Timing,
        outputs: [HostPort: CInt], verbose: Bool
    ) {
        self.emulator = emulator
        self.channels = channels
        self.interruptions = interruptions
        self.timing = timing
        self.verbose = verbose
        wantsDirectory = outputs[.directory] != nil
        self.outputs = outputs.mapValues(OutputDescriptor.init)
        for port in outputs.keys { streams[port] = MarkedStream(mark: mark) }
    }

    /// Runs the command to its end, and ends the machine.
    ///
    /// - Parameter isReady: whether the machine has said so before.
    func run(isReady: Bool) throws -> Outcome {
        defer { emulator.kill() }
        if isReady { try startCommand() }
        while outcome == nil {
            nudge()
            try waitForSomething()
            try flush()
            checkTheEnd()
        }
        return outcome ?? .timedOut
    }

    private enum Source {
        case interruption
        case control
        case report(CInt)
        case stream(HostPort)
        case room
    }

    private func waitForSomething() throws {
        var sources: [Source] = []
        var waits: [pollfd] = []
        func add(_ source: Source, _ descriptor: CInt, _ events: CInt) {
            sources.append(source)
            waits.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
        }
        add(.interruption, interruptions.descriptor, POLLIN)
        if end == nil { add(.control, descriptor(of: .control), POLLIN) }
        for connection in openReports { add(.report(connection), connection, POLLIN) }
        for (port, output) in outputs {
            // A stream is read when all that came before is gone, so nothing piles up here.
            if !output.isEmpty {
                add(.room, output.descriptor, POLLOUT)
            } else if end == nil, streams[port]?.isAtEnd == false {
                add(.stream(port), descriptor(of: port), POLLIN)
            }
        }

        let now = monotonicNanoseconds()
        let patienceEnd = hasBegun ? lastPulse + timing.patience : timing.begin
        let until = end == nil ? min(timing.end, patienceEnd, hasBegun ? nextNudge : .max) : timing.end
        let milliseconds = until > now ? (until - now) / 1_000_000 + 1 : 0
        try systemCall("poll") { poll(&waits, nfds_t(waits.count), CInt(clamping: milliseconds)) }
        for (source, wait) in zip(sources, waits) where wait.revents != 0 { try handle(source) }
    }

    private var openReports: [CInt] {
        [channels.log, channels.console].map(\.ours).filter { !closedReports.contains($0) }
    }

    private func descriptor(of port: HostPort) -> CInt {
        channels.ports[port]?.ours ?? -1
    }

    private func handle(_ source: Source) throws {
        switch source {
        case .interruption:
            if let signal = interruptions.next() { outcome = .interrupted(signal) }
        case .control:
            let bytes = try readSome(descriptor(of: .control))
            if bytes.isEmpty { try hearTheEndOfTheMachine() } else { try hear(bytes) }
        case .report(let connection):
            let bytes = try readSome(connection)
            if bytes.isEmpty { closedReports.insert(connection) }
            keep(bytes)
        case .stream(let port):
            let bytes = try readSome(descriptor(of: port))
            // Its end without a mark is the machine's, of which we hear on the control port.
            if let passed = streams[port]?.pass(bytes[...]) { outputs[port]?.append(passed) }
        case .room: break
        }
    }

    private func keep(_ bytes: [UInt8]) {
        if verbose { writeToStandardError(bytes) }
        report += bytes
        if report.count > 2 * Self.longestReport { report.removeFirst(report.count - Self.longestReport) }
    }

    private func hear(_ bytes: [UInt8]) throws {
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                if controlLine.count < Self.longestControlLine { controlLine.append(byte) }
                continue
            }
            let words = String(decoding: controlLine, as: UTF8.self).split(separator: " ", maxSplits: 1)
            controlLine = []
            switch words.first {
            case "ready": try startCommand()
            case "begun":
                hasBegun = true
                lastPulse = monotonicNanoseconds()
            case "alive": lastPulse = monotonicNanoseconds()
            case "exit": status = words.last.flatMap { CInt($0) }
            case "fail": throw LabFailure("the lab host cannot run the command: \(words.last ?? "")")
            default: break
            }
        }
    }

    /// Tells a machine that is ready to begin.
    private func startCommand() throws {
        let seed = (0..<8).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 16) }.joined()
        let line = Array("go \(time(nil)) \(mark) \(seed) \(wantsDirectory ? 1 : 0)\n".utf8)
        try systemCall("send", on: "the lab host") {
            send(descriptor(of: .control), line, line.count, CInt(MSG_NOSIGNAL))
        }
    }

    /// Has a device of the machine interrupt it, now and then.
    private func nudge() {
        let now = monotonicNanoseconds()
        guard hasBegun, end == nil, now >= nextNudge else { return }
        nextNudge = now + Self.nudgeInterval
        // Not taken means that there are some already.
        send(descriptor(of: .control), "\n", 1, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
    }

    private func hearTheEndOfTheMachine() throws {
        for connection in openReports { try readAll(connection) { keep($0) } }
        for port in [HostPort.output, .errors] {
            try readAll(descriptor(of: port)) { bytes in
                if let passed = streams[port]?.pass(bytes[...]) { outputs[port]?.append(passed) }
            }
        }
        let description = "the lab host ended by itself (emulator: \(emulator.wait()))"
        end = hasBegun ? .lost(description) : .notStarted(description)
    }

    private func readAll(_ descriptor: CInt, _ body: ([UInt8]) -> Void) throws {
        while true {
            let bytes = try readSome(descriptor)
            if bytes.isEmpty { return }
            body(bytes)
        }
    }

    private func flush() throws {
        for port in outputs.keys { try outputs[port]?.flush() }
    }

    private func checkTheEnd() {
        guard outcome == nil else { return }
        if let end, outputs.values.allSatisfy(\.isEmpty) {
            outcome = end
        } else if let status, streams.values.allSatisfy(\.isAtEnd), outputs.values.allSatisfy(\.isEmpty) {
            outcome = .exited(status)
        } else if [.output, .errors].contains(where: { outputs[$0]?.isClosed == true }) {
            outcome = .outputClosed
        } else if monotonicNanoseconds() >= timing.end {
            outcome = .timedOut
        } else if !hasBegun, monotonicNanoseconds() >= timing.begin {
            outcome = .notStarted("the lab host did not come up in time")
        } else if hasBegun, end == nil, monotonicNanoseconds() >= lastPulse + timing.patience {
            outcome = .lost("the lab host hangs: it was silent for \(timing.patience / 1_000_000_000) s")
        }
    }

    /// - Returns: nothing at the end.
    private func readSome(_ descriptor: CInt) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(descriptor, &buffer, buffer.count)
        if count >= 0 { return Array(buffer.prefix(count)) }
        // A connection whose other end died with data unread ends with this error.
        if errno == ECONNRESET { return [] }
        if errno == EINTR || errno == EAGAIN { return try readSome(descriptor) }
        throw SystemCallError("read", on: "the lab host", errno: currentErrno)
    }
}
