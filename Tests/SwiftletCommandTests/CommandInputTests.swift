import CLinux
import Glibc
import Linux
import Testing

@testable import SwiftletCommand

@Suite struct CommandInputTests {
    /// As bash's `fg` does with a job that runs.
    @Test func aJobThatComesToTheForegroundWithoutAWordTakesTheTerminal() async {
        await #expect(processExitsWith: .success) {
            let session = try TerminalSession()
            var child = try TerminalSession.Child(inForeground: false) {
                signal(SIGTTIN, SIG_IGN)
                let loop = try EventLoop(name: "child")
                let input = CommandInput(Terminal(STDIN_FILENO), on: loop) {}
                input.start { event in
                    guard case .bytes(let bytes) = event else { _exit(102) }
                    input.stop()
                    _exit(bytes == Array("for the job".utf8) ? 0 : 103)
                }
                while true { loop.turn(waiting: true) }
            }
            try session.type("for the shell\n")
            var line = [UInt8](repeating: 0, count: 64)
            let count = try systemCall("read") { read(STDIN_FILENO, &line, 64) }
            try session.require(count == 14, "the shell has what was typed for it, not \(count) bytes")
            try session.expect(raw: false, "in the background")
            try session.putInForeground(child)
            try session.awaitRawMode()
            try session.type("for the job")
            let status = child.wait()
            try session.require(status == 0, "the child reads what was typed for it, not status \(status)")
            try session.expect(raw: false, "at the end")
        }
    }

    @Test func aCommandWithoutATerminalLeavesItAsItIs() async {
        await #expect(processExitsWith: .success) {
            let session = try TerminalSession()
            var child = try TerminalSession.Child {
                let loop = try EventLoop(name: "child")
                let input = CommandInput(nil, on: loop) {}
                input.start { event in
                    guard case .bytes(let bytes) = event else { _exit(102) }
                    _exit(bytes == [0x1d, UInt8(ascii: "q"), UInt8(ascii: "\n")] ? 0 : 103)
                }
                while true { loop.turn(waiting: true) }
            }
            try session.type("\u{1d}q\n")
            try session.expect(raw: false, "all the time")
            let status = child.wait()
            try session.require(status == 0, "the child reads what was typed, not status \(status)")
        }
    }
}
