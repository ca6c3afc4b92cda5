import Agent
import FoundationEssentials
import Glibc
import Machine
import SystemPackage

/// How `swiftlet run` with a command ended: its exit status, what to say on stderr, and the line of `--status-file`.
struct CommandReport {
    /// What came to an end.
    enum Ending {
        case command(CommandEnding)
        case timeLimit
        /// A signal of the user's that could not, or was not to, end the command alone.
        case signal(CInt)
        /// The machine ended by itself.
        case machine
        /// Commands could not run.
        case failure(any Error)
    }

    /// The line, whose names are fixed.
    private struct Line: Encodable {
        let cause: Cause
        var code: UInt8?
        var signal: UInt8?
        let wallMs: UInt64
        var bootMs: UInt64?
        var userMs: UInt64?
        var systemMs: UInt64?
        var maxResidentKiB: UInt64?
    }

    enum Cause: String, Encodable {
        case exited, signalled, outOfMemory, diskFull, tooManyProcesses, notFound, notExecutable, timeout, killed
        case guestDied, failed
    }

    private(set) var status: Int32
    private(set) var cause: Cause
    private(set) var message: String?
    private var signal: UInt8?
    private var exit: CommandExit?

    /// - Parameters:
    ///   - outcome: the machine's.
    ///   - name: the command's.
    init(_ ending: Ending, _ outcome: Outcome?, command name: String, limit: TimeSpan?) {
        switch ending {
        case .command(.ended(let exit, let lostOutput)):
            self.exit = exit
            (status, cause, signal) = Self.describe(exit)
            message = Self.limitMessage(cause)
            if lostOutput {
                (status, cause, message) = (
                    ExitStatus.failure.rawValue, .failed, "a part of the output was lost in the guest"
                )
            }
        case .command(.notStarted(let step, let errno)):
            let reason = Errno(rawValue: errno)
            switch step {
            case .execution where errno == ENOENT:
                let mayBeThere = name.contains("/") ? ", or the program is not that runs it" : ""
                (status, cause, message) = (127, .notFound, "\(name): not found in the guest\(mayBeThere)")
            case .execution where [.tooManyOpenFiles, .tooManyOpenFilesInSystem].contains(reason):
                (status, cause, message) = (
                    125, .failed, "\(name): the guest may open no more files of this host; raise 'ulimit -n'"
                )
            case .execution: (status, cause, message) = (126, .notExecutable, "\(name): \(reason)")
            case .directory:
                (status, cause, message) = (
                    126, .notExecutable, "the working directory: \(reason); choose one of the guest's with --workdir"
                )
            default: (status, cause, message) = (125, .failed, "the guest cannot start \(name): \(reason)")
            }
        case .command(.unknown(let error)), .failure(let error as AgentError):
            (status, cause, message) = (125, .failed, "\(error)")
        case .failure(let error): (status, cause, message) = (125, .failed, "\(error)")
        case .timeLimit:
            (status, cause, message) = (
                ExitStatus.timedOut.rawValue, .timeout, "the time limit of \(limit?.description ?? "") ran out"
            )
        case .signal(let number):
            (status, cause, signal) = (128 + number, .killed, UInt8(truncatingIfNeeded: number))
        case .machine: (status, cause, message) = Self.describe(outcome)
        }
    }

    private static func describe(_ exit: CommandExit) -> (Int32, Cause, UInt8?) {
        switch exit.cause {
        case .exited(let code):
            if code == 0 { return (0, .exited, nil) }
            let cause: Cause =
                if exit.limits.contains(.memory) {
                    .outOfMemory
                } else if exit.limits.contains(.disk) {
                    .diskFull
                } else if exit.limits.contains(.processes) {
                    .tooManyProcesses
                } else {
                    .exited
                }
            return (Int32(code), cause, nil)
        case .signalled(let signal, _):
            let isMemory = exit.limits.contains(.memory) && Int32(signal) == SIGKILL
            return (128 + Int32(signal), isMemory ? .outOfMemory : .signalled, signal)
        }
    }

    private static func limitMessage(_ cause: Cause) -> String? {
        switch cause {
        case .outOfMemory: "processes were killed for want of memory; give the guest more with --memory"
        case .diskFull: "the guest's disk is full; let more be written with --disk-size, or to a share"
        case .tooManyProcesses: "there were too many processes; allow more with --pids"
        default: nil
        }
    }

    private static func describe(_ outcome: Outcome?) -> (Int32, Cause, String) {
        let died = ExitStatus.guestDied.rawValue
        switch outcome {
        case .panicked(let reason):
            return (died, .guestDied, "the guest's kernel panicked" + (reason.map { ": \($0)" } ?? ""))
        case .fault(let report): return (died, .guestDied, report.summary)
        case .failed(let report): return (ExitStatus.failure.rawValue, .failed, report.summary)
        case .poweredOff, .reset, .killed, nil:
            return (died, .guestDied, "the guest went down before the command had ended")
        }
    }

    /// What to say when the input cannot be read any more.
    static func inputFailure(_ errno: Errno) -> String { "swiftlet: stdin: \(errno); for the command it has ended\n" }

    /// The output could not be written any more.
    mutating func note(outputFailure: Errno) {
        guard status != 125 else { return }
        (status, cause, message) = (
            ExitStatus.failure.rawValue, .failed, "the output: \(outputFailure); the rest of it is lost"
        )
    }

    /// - Parameters:
    ///   - wall: nanoseconds that all of it took.
    ///   - boot: nanoseconds from the machine's start until commands could run.
    func line(wall: UInt64, boot: UInt64?) -> [UInt8] {
        var line = Line(cause: cause, signal: signal, wallMs: wall / 1_000_000)
        if signal == nil { line.code = UInt8(truncatingIfNeeded: status) }
        line.bootMs = boot.map { $0 / 1_000_000 }
        line.userMs = exit.map { $0.userTime / 1000 }
        line.systemMs = exit.map { $0.systemTime / 1000 }
        line.maxResidentKiB = exit?.residentMemory
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return ((try? encoder.encode(line)).map(Array.init) ?? []) + [UInt8(ascii: "\n")]
    }
}
