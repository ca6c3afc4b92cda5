import Foundation
import TemporaryFiles
import Testing

/// How a machine that never ends by itself is brought to its end.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct EndingTests {
    /// Two guests that answer nothing, the power button neither: one waits in KVM, the other never leaves the guest.
    static let guests = [("halt", "halting with interrupts off"), ("spin", "spinning with interrupts off")]

    @Test(arguments: guests)
    func timeLimitRunsOut(payload: String, line: String) throws {
        let result = try Swiftlet.run(payload: payload, ["--timeout", "3s"])
        #expect(result.ending == .exited(124))
        #expect(result.output == "\(line)\n")
        #expect(result.errors == "swiftlet: the time limit of 3s ran out\n")
        #expect(3...60 ~= result.seconds, "\(result.seconds) s")
    }

    /// The guest has two seconds to react to its power button; then the process dies of the signal itself.
    @Test(arguments: guests, [SIGTERM, SIGINT, SIGHUP])
    func aSignalEndsItAfterTwoSeconds(guest: (payload: String, line: String), signal: CInt) throws {
        let session = try Swiftlet.start(payload: guest.payload, until: guest.line)
        let begin = ContinuousClock.now
        session.send(signal)
        let result = try session.end()
        #expect(result.ending == .signalled(signal))
        #expect(.seconds(2)...(.seconds(60)) ~= ContinuousClock.now - begin)
        #expect(result.output == "\(guest.line)\n")
        #expect(result.errors == "")
    }

    /// Not even a child that does not notice: in passt's place is a program that never ends.
    @Test(arguments: [SIGQUIT, SIGTERM])
    func noChildIsLeft(signal: CInt) throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path
        // By a process of its own: a child that another test starts would have this one's file open for writing.
        try temporary.run(
            """
            printf '#!/bin/sh\\necho $$ >%s/pid\\nexec /bin/sleep 1000\\n' "$PWD" >passt
            chmod 700 passt
            """)
        let session = try Session(
            "/usr/bin/env",
            [
                "PATH=\(directory)", Swiftlet.program, "run", "--memory", "64M", "--net", "user", "--kernel",
                try Swiftlet.payload("halt"),
            ], stdin: .bytes([]), stdout: .captured)
        var child: pid_t?
        try session.await("passt's number") { output in
            let text = try? String(contentsOfFile: "\(directory)/pid", encoding: .utf8)
            child = text.flatMap { pid_t($0.split(separator: "\n").first ?? "") }
            return child != nil && !output.isEmpty
        }
        session.send(signal)
        #expect(try session.end().ending == .signalled(signal))
        #expect(kill(try #require(child), 0) == -1)
    }

    @Test(arguments: guests, [[SIGINT, SIGINT], [SIGTERM, SIGINT], [SIGQUIT]])
    func aSecondSignalOrSIGQUITEndsItAtOnce(guest: (payload: String, line: String), signals: [CInt]) throws {
        let isPrompt = try inOneOfFiveTries {
            let session = try Swiftlet.start(payload: guest.payload, until: guest.line)
            let begin = ContinuousClock.now
            for signal in signals {
                session.send(signal)
                usleep(100_000)
            }
            let result = try session.end()
            #expect(result.errors == "")
            return result.ending == .signalled(signals.last ?? 0) && ContinuousClock.now - begin < .milliseconds(1500)
        }
        #expect(isPrompt)
    }

    @Test(arguments: guests)
    func nothingIsLeftOfItAfterSIGKILL(payload: String, line: String) throws {
        let session = try Swiftlet.start(payload: payload, ["--cpus", "2"], until: line)
        let children = try String(
            contentsOfFile: "/proc/\(session.process)/task/\(session.process)/children", encoding: .utf8)
        #expect(children == "", "the machine is this process and no other")
        session.send(SIGKILL)
        let result = try session.end()
        #expect(result.ending == .signalled(SIGKILL))
        #expect(kill(session.process, 0) == -1 && errno == ESRCH)
    }

    /// As under nohup.
    @Test func anIgnoredSIGHUPStaysIgnored() throws {
        let kernel = try Swiftlet.payload("halt")
        let session = try Session(
            "/bin/sh",
            ["-c", #"trap "" HUP; exec "$@""#, "sh", Swiftlet.program, "run", "--kernel", kernel, "--timeout", "3s"],
            stdin: .bytes([]), stdout: .captured)
        try session.await("halting with interrupts off\n")
        session.send(SIGHUP)
        let result = try session.end()
        #expect(result.ending == .exited(124))
    }

    @Test func aStoppedProcessGoesOn() throws {
        let session = try Swiftlet.start(
            payload: "echo", stdin: .open, until: "echoing in upper case up to a full stop")
        session.send(SIGTSTP)
        try session.awaitStop()
        session.write("on.")
        session.send(SIGCONT)
        let result = try session.end()
        #expect(result.ending == .exited(7))
        #expect(result.output.hasSuffix("\nON"))
    }
}
