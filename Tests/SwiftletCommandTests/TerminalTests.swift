import CLinux
import Glibc
import Linux
import Testing

@testable import SwiftletCommand

@Suite struct TerminalTests {
    /// How a process that has the terminal in raw mode ends.
    enum End: CaseIterable {
        case nullPointer, trap, abort, exit, returning

        /// - Parameter status: as waitpid(2) has it.
        func isReported(by status: CInt) -> Bool {
            let signal = status & 0x7f
            return switch self {
            case .nullPointer: signal == SIGSEGV
            case .trap: signal == SIGILL || signal == SIGTRAP
            case .abort: signal == SIGABRT
            case .exit, .returning: status == 0
            }
        }
    }

    @Test func settingsComeBackWhateverEndsTheProcess() async {
        await #expect(processExitsWith: .success) {
            let session = try TerminalSession()
            for end in End.allCases {
                var child = try TerminalSession.Child {
                    guard let terminal = Terminal(STDIN_FILENO), try terminal.enterRawMode() else { _exit(100) }
                    raise(SIGSTOP)
                    switch end {
                    case .nullPointer: UnsafeMutablePointer<Int>(bitPattern: 8)?.pointee = 1
                    case .trap: fatalError("on purpose")
                    case .abort: abort()
                    case .exit: Glibc.exit(0)
                    case .returning: terminal.restore()
                    }
                }
                let stopped = child.wait()
                try session.require(stopped == SIGSTOP << 8 | 0x7f, "the child stops, not status \(stopped)")
                try session.expect(raw: true, "before \(end)")
                child.proceed()
                let status = child.wait()
                try session.require(end.isReported(by: status), "the child ends by \(end), not status \(status)")
                try session.expect(raw: false, "after \(end)")
            }
        }
    }

    @Test func aStoppedProcessLeavesTheTerminalAsItWasAndTakesItUpAgain() async {
        await #expect(processExitsWith: .success) {
            let session = try TerminalSession()
            var child = try TerminalSession.Child {
                SignalSet([SIGTSTP]).block()
                guard let terminal = Terminal(STDIN_FILENO), try terminal.enterRawMode() else { _exit(100) }
                terminal.stopProcess()
                _ = try terminal.enterRawMode()
                raise(SIGSTOP)
                _ = try terminal.enterRawMode()
                raise(SIGSTOP)
                terminal.restore()
            }
            let first = child.wait()
            try session.require(first == SIGTSTP << 8 | 0x7f, "SIGTSTP stops the child, not status \(first)")
            try session.expect(raw: false, "while stopped")
            child.proceed()
            let second = child.wait()
            try session.require(second == SIGSTOP << 8 | 0x7f, "the child goes on, not status \(second)")
            try session.expect(raw: true, "after that")
            try session.makeUsual()
            child.proceed()
            let third = child.wait()
            try session.require(third == SIGSTOP << 8 | 0x7f, "the child goes on, not status \(third)")
            try session.expect(raw: true, "after a stop that the child knew nothing of")
            child.proceed()
            let status = child.wait()
            try session.require(status == 0, "the child ends by itself, not status \(status)")
            try session.expect(raw: false, "at the end")
        }
    }

    @Test func aProcessInTheBackgroundLeavesTheTerminalAlone() async {
        await #expect(processExitsWith: .success) {
            let session = try TerminalSession()
            var child = try TerminalSession.Child(inForeground: false) {
                guard let terminal = Terminal(STDIN_FILENO), try !terminal.enterRawMode() else { _exit(100) }
            }
            let status = child.wait()
            try session.require(status == 0, "the child ends by itself, not status \(status)")
            try session.expect(raw: false, "all the time")
        }
    }

    @Test func aPipeIsNoTerminal() throws {
        var ends: [CInt] = [-1, -1]
        try systemCall("pipe") { pipe(&ends) }
        let isTerminal = Terminal(ends[0]) != nil
        #expect(!isTerminal)
        for end in ends { close(end) }
    }
}
