import Foundation
import TemporaryFiles
import Testing

/// What `swiftlet ps`, `logs`, `stop` and `exec` do with machines that run.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct RunningMachineTests {
    /// A user's runtime directory of this test's own.
    private let temporary: TemporaryDirectory

    init() throws {
        temporary = try TemporaryDirectory()
    }

    private static let spinning = "spinning with interrupts off"

    private func start(_ arguments: [String]) throws -> Session {
        try Session(
            "/usr/bin/env", ["XDG_RUNTIME_DIR=\(temporary.path)", Swiftlet.program] + arguments, stdin: .bytes([]),
            stdout: .captured)
    }

    private func run(_ arguments: String...) throws -> Swiftlet.Result { try start(arguments).end() }

    private func machine(_ options: String...) throws -> Session {
        let session = try start(["run", "--kernel", Swiftlet.payload("spin"), "--memory", "64M"] + options)
        try session.await(Self.spinning)
        return session
    }

    @Test func allAreListed() throws {
        let named = try machine("--name", "build", "--cpus", "2")
        let other = try machine()
        let lines = try run("ps").output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(
            lines.map { Array($0.prefix(5)) } == [
                ["NAME", "PID", "STATE", "CPUS", "MEMORY"],
                ["\(other.process)", "\(other.process)", "running", "1", "64M"],
                ["build", "\(named.process)", "running", "2", "64M"],
            ])
        #expect(try run("ps", "-q").output == "\(other.process)\nbuild\n")
        let json = try JSONSerialization.jsonObject(with: Data(try run("ps", "--json").stdout)) as? [[String: Any]]
        #expect(json?.compactMap { $0["name"] as? String } == ["\(other.process)", "build"])
        #expect(json?.first?["memory"] as? String == "64M")
    }

    /// The process cannot answer, which is no reason not to list it.
    @Test func aStoppedProcessIsListed() throws {
        let session = try machine("--name", "a")
        session.send(SIGSTOP)
        #expect(try run("ps").output.contains("  unknown  "))
        session.send(SIGCONT)
    }

    /// A client for which there is no descriptor waits, and the process sleeps meanwhile.
    @Test func clientsWaitForADescriptor() throws {
        let session = try start(["run", "--kernel", Swiftlet.payload("halt"), "--memory", "64M", "--name", "a"])
        try session.await("halting with interrupts off")
        try temporary.run("prlimit --pid \(session.process) --nofile=3:")
        let client = try start(["ps"])
        let before = try processorTicks(of: session.process)
        usleep(1_000_000)
        #expect(try processorTicks(of: session.process) - before < sysconf(CInt(_SC_CLK_TCK)) / 4)
        try temporary.run("prlimit --pid \(session.process) --nofile=1000:")
        _ = try client.end()
        #expect(try run("ps").output.contains("  running  "))
    }

    /// Time that a process has run, in units of `sysconf(_SC_CLK_TCK)` a second (proc_pid_stat(5)).
    private func processorTicks(of process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let fields = try #require(status.split(separator: ")").last).split(separator: " ")
        return try #require(Int(fields[11])) + #require(Int(fields[12]))
    }

    @Test func nothingIsLeft() throws {
        let session = try machine("--name", "a")
        session.send(SIGQUIT)
        _ = try session.end()
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path + "/swiftlet") == [])
        let killed = try machine("--name", "a")
        killed.send(SIGKILL)
        _ = try killed.end()
        #expect(try run("ps", "-q").output == "")
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path + "/swiftlet") == [])
    }

    @Test func aMachineIsStopped() throws {
        let session = try machine("--name", "a")
        let result = try run("stop", "--timeout", "300ms", "a")
        #expect(result.ending == .exited(0) && result.errors == "")
        #expect(try session.end().ending == .signalled(SIGKILL))
        #expect(try run("ps", "-q").output == "")
    }

    /// It can do nothing that it is asked for.
    @Test func aProcessThatWasStoppedIsKilled() throws {
        let session = try machine("--name", "a")
        session.send(SIGSTOP)
        #expect(try run("stop", "--kill", "a").ending == .exited(0))
        #expect(try session.end().ending == .signalled(SIGKILL))
        #expect(try run("ps", "-q").output == "")
    }

    @Test func wordsThatAreNoTextAreRefused() throws {
        for words in [["cp", "a:/x", "$'\\xff'"], ["exec", "a", "--", "echo", "$'\\xff'"]] {
            let result = try Session(
                "/bin/bash", ["-c", "exec \(Swiftlet.program) \(words.joined(separator: " "))"], stdin: .bytes([]),
                stdout: .captured
            ).end()
            #expect(result.ending == .exited(125))
            #expect(result.errors.contains("'\u{FFFD}' is not UTF-8"))
        }
    }

    @Test func allAreKilled() throws {
        let sessions = try (0..<3).map { _ in try machine() }
        #expect(try run("stop", "--all", "--kill").ending == .exited(0))
        for session in sessions { #expect(try session.end().ending == .signalled(SIGKILL)) }
        #expect(try run("stop", "--all").ending == .exited(0))
    }

    /// None is stopped when one is not there.
    @Test func aMachineThatIsNotThereIsTold() throws {
        let session = try machine("--name", "a")
        let message = "swiftlet: no machine 'b' of yours runs: those that do are a\n"
        for verb in [["stop", "a", "b"], ["logs", "b"], ["exec", "b", "--", "ls"]] {
            let result = try start(verb).end()
            #expect(result.ending == .exited(125) && result.errors == message && result.output == "")
        }
        #expect(try run("ps", "-q").output == "a\n")
        session.send(SIGQUIT)
        _ = try session.end()
        #expect(
            try run("logs", "a").errors
                == "swiftlet: no machine 'a' of yours runs: none does; 'swiftlet run' starts one\n")
    }

    @Test func aNameIsTakenOnce() throws {
        let session = try machine("--name", "a")
        let result = try run("run", "--kernel", Swiftlet.payload("hello"), "--name", "a")
        #expect(result.ending == .exited(125) && result.output == "")
        #expect(result.errors.hasPrefix("swiftlet: a machine 'a' runs already, as process \(session.process); "))
        let wrong = try run("run", "--kernel", Swiftlet.payload("hello"), "--name", "a/b")
        #expect(wrong.ending == .exited(125) && wrong.errors.hasPrefix("swiftlet: 'a/b' cannot be a machine's name"))
    }

    /// A machine that nobody asked to have a name runs wherever that is, one with a name does not.
    @Test func aRuntimeDirectoryThatCannotBeUsed() throws {
        try Data().write(to: URL(fileURLWithPath: temporary.path + "/swiftlet"))
        let result = try run("run", "--kernel", Swiftlet.payload("hello"))
        #expect(result.ending == .exited(0) && result.errors == "")
        let named = try run("run", "--kernel", Swiftlet.payload("hello"), "--name", "a")
        #expect(named.ending == .exited(125) && named.errors.contains("set XDG_RUNTIME_DIR to another place"))
    }

    @Test func theConsoleIsRead() throws {
        let session = try machine("--name", "a")
        #expect(try run("logs", "a").output == Self.spinning + "\n")
        let follower = try start(["logs", "--follow", "a"])
        try follower.await(Self.spinning)
        session.send(SIGQUIT)
        let result = try follower.end()
        #expect(result.ending == .exited(0) && result.output == Self.spinning + "\n" && result.errors == "")
    }

    @Test func aGuestWithoutAnAgentRunsNoCommands() throws {
        let session = try machine("--name", "a")
        let result = try run("exec", "a", "--", "ls")
        #expect(result.ending == .exited(125))
        #expect(result.errors.hasPrefix("swiftlet: the guest has no agent to run commands; "))
        session.send(SIGQUIT)
    }

    @Test(arguments: [["exec"], ["exec", "a"], ["exec", "a", "--"], ["stop"], ["stop", "--all", "a"], ["logs"]])
    func wrongUsageIsTold(_ words: [String]) throws {
        let result = try start(words).end()
        #expect(result.ending == .exited(125) && result.errors.contains("Usage: swiftlet \(words[0])"))
    }
}
