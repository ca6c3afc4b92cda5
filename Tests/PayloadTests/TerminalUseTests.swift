import Foundation
import Testing

/// A machine on a terminal: raw while it runs, as it was afterwards.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct TerminalUseTests {
    private func start(
        _ payload: String = "echo", _ line: String = "echoing in upper case up to a full stop",
        on terminal: PseudoTerminal
    ) throws -> Session {
        #expect(terminal.isRaw == false)
        let session = try Swiftlet.start(["run", "--kernel", Swiftlet.payload(payload)], stdin: .terminal(terminal))
        try session.await("\(line)\n")
        #expect(terminal.isRaw == true)
        return session
    }

    @Test func keysGoToTheGuestAndTheEscapeLeaves() throws {
        let terminal = try PseudoTerminal()
        let session = try start(on: terminal)
        // Ctrl-C, and an escape followed by another key, are the guest's.
        terminal.type("a\u{3}b\u{1d}x")
        try session.await("A\u{3}B")
        try session.await("X")
        terminal.type("\u{1d}q")
        let result = try session.end()
        #expect(result.ending == .exited(0))
        #expect(result.errors == "")
        #expect(terminal.isRaw == false)
    }

    /// The console's thread ends the machine while the main thread waits for that, and the vCPU sleeps in KVM.
    @Test func leavingNeverMissesASleepingVCPU() throws {
        let terminal = try PseudoTerminal()
        for _ in 0..<40 {
            let session = try start("halt", "halting with interrupts off", on: terminal)
            terminal.type("\u{1d}q")
            let result = try session.end()
            #expect(result.ending == .exited(0))
        }
    }

    @Test func theGuestsEndRestoresTheTerminal() throws {
        let terminal = try PseudoTerminal()
        let session = try start(on: terminal)
        terminal.type("bye.")
        let result = try session.end()
        #expect(result.ending == .exited(7))
        #expect(result.output.hasSuffix("\nBYE"))
        #expect(terminal.isRaw == false)
    }

    @Test(arguments: [[SIGQUIT], [SIGTERM, SIGTERM], [SIGTERM]])
    func signalsRestoreTheTerminal(signals: [CInt]) throws {
        let terminal = try PseudoTerminal()
        let session = try start(on: terminal)
        for signal in signals {
            session.send(signal)
            usleep(100_000)
        }
        let result = try session.end()
        #expect(result.ending == .signalled(signals.last ?? 0))
        #expect(terminal.isRaw == false)
    }

    @Test func aHangUpEndsIt() throws {
        var terminal: PseudoTerminal? = try PseudoTerminal()
        let session = try start(on: #require(terminal))
        session.closeOutput()
        terminal = nil
        let result = try session.end()
        #expect(result.ending == .signalled(SIGHUP) || result.ending == .exited(125), "\(result.errors)")
        #expect(result.seconds < 10)
    }
}
