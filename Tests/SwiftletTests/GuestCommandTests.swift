import ControlMessages
import Foundation
import TemporaryFiles
import Testing

@testable import Swiftlet

/// Commands in a guest, of which a script tells.
struct GuestCommandTests {
    /// A command that starts, and ends by signals.
    private static let running = """
        exec.start) answer '{"id":7}' ;;
        exec.signal) answer '{}'; tell exec.exited '{"id":7,"end":{"limits":[],"signal":1}}' ;;
        """
    /// One that does not end.
    private static let stubborn = """
        exec.start) answer '{"id":7}' ;;
        """

    // MARK: To its end

    @Test func aCommandRunsToItsEnd() async throws {
        let server = try ScriptedServer(
            """
            exec.start)
                answer '{"id":7}'
                tell exec.output '{"id":7,"stream":"stdout","data":"out "}'
                tell exec.output '{"id":7,"stream":"stderr","base64":"/w=="}'
                tell exec.output '{"id":8,"stream":"stdout","data":"of another"}'
                tell exec.output '{"id":7,"stream":"stdout","data":"and out"}' ;;
            exec.closeStdin)
                answer '{}'
                tell exec.exited '{"id":7,"end":{"code":5,"limits":["memory"],"userMs":12}}' ;;
            """)
        let vm = try await server.start()
        let result = try await vm.execute(
            ["make", "test"], environment: ["A": "b", "HOME": "/src"], directory: "/src", user: 3, input: "in".utf8)
        #expect(result.output == "out and out")
        #expect(result.stderr == [0xFF])
        #expect(result.end.code == 5 && result.end.signal == nil)
        #expect(result.end.limits == [.memory] && result.end.userMs == 12)

        let start = try #require(try server.requests("exec.start").first)
        #expect(start["command"] as? [String] == ["make", "test"])
        let environment = try #require(start["environment"] as? [String: String])
        #expect(environment["A"] == "b" && environment["HOME"] == "/src" && environment.keys.contains("PATH"))
        #expect(start["directory"] as? String == "/src")
        #expect(start["uid"] as? Int == 3 && start["gid"] as? Int == 3)
        #expect(start["terminal"] == nil)
        let input = try #require(try server.requests("exec.write").first)
        #expect(input["base64"] as? String == "aW4=" && input["wait"] as? Bool == true)
        #expect(try server.signals() == [])
    }

    /// As `yes | true`: a command need not take its input.
    @Test func inputThatIsNotTakenIsNoError() async throws {
        let server = try ScriptedServer(
            """
            exec.start) answer '{"id":7}' ;;
            exec.write)
                tell exec.exited '{"id":7,"end":{"code":0,"limits":[]}}'
                refuse '{"kind":"invalidState","message":"it has ended"}' ;;
            """)
        let result = try await server.start().execute(["true"], input: [UInt8](repeating: 1, count: 1 << 20))
        #expect(result.end.code == 0)
    }

    @Test func outputHasALimit() async throws {
        let server = try ScriptedServer(
            """
            exec.start) answer '{"id":7}'; tell exec.output '{"id":7,"stream":"stdout","data":"12345"}' ;;
            exec.signal) answer '{}'; tell exec.exited '{"id":7,"end":{"limits":[],"signal":1}}' ;;
            """)
        let vm = try await server.start()
        await #expect(throws: MicroVMError.tooMuchOutput(limit: 4)) {
            _ = try await vm.execute(["yes"], outputLimit: 4)
        }
        #expect(try server.signals().first == SIGHUP)
    }

    @Test func whatCannotStartIsTold() async throws {
        let server = try ScriptedServer(
            """
            exec.start) refuse '{"kind":"notFound","message":"it is not there","field":"/command"}' ;;
            """)
        let vm = try await server.start()
        let error = await #expect(throws: ControlError.self) { _ = try await vm.execute(["nonesuch"]) }
        #expect(error?.kind == .notFound && error?.field == "/command")
    }

    /// A guest without an agent has its own init.
    @Test(.enabled(if: Payload.canRun, Payload.cannotRun))
    func aMachineWithoutAnAgentRunsNone() async throws {
        try await withMicroVM(try Payload.configuration("halt")) { vm in
            let error = await #expect(throws: ControlError.self) { _ = try await vm.execute(["true"]) }
            #expect(error?.kind == .unsupported)
        }
    }

    // MARK: Output

    /// Writes 1 MiB, of which 256 KiB may be on their way.
    private static let writing = """
        exec.start)
            answer '{"id":7}'
            piece=$(head -c 16384 /dev/zero | tr '\\0' x)
            told=0 allowed=262144
            more ;;
        exec.ack)
            answer '{}'
            bytes=${line#*'"bytes":'}
            allowed=$((allowed + ${bytes%%[,\\}]*}))
            more ;;
        """

    /// As `writing`, which needs a function that is defined before.
    private func writingServer() throws -> ScriptedServer {
        try ScriptedServer(
            Self.writing,
            functions: """
                more() {
                    while [ $told -lt 1048576 ] && [ $told -lt $allowed ]; do
                        tell exec.output '{"id":7,"stream":"stdout","data":"'$piece'"}'
                        told=$((told + 16384))
                        [ $told -lt 1048576 ] || tell exec.exited '{"id":7,"end":{"code":0,"limits":[]}}'
                    done
                }
                """)
    }

    @Test func aCommandWaitsForWhoReadsIt() async throws {
        let server = try writingServer()
        let vm = try await server.start()
        let command = try await vm.startCommand(["yes"])
        // All that was told before this is here.
        try await vm.pause()
        #expect(command.buffer.unread == CommandBuffer.window)
        #expect(try server.acknowledged() == 0)
        let start = try #require(try server.requests("exec.start").first)
        #expect(start["window"] as? Int == CommandBuffer.window)

        var count = 0
        for try await piece in command.output {
            #expect(piece.stream == .stdout)
            count += piece.bytes.count
            #expect(command.buffer.unread <= CommandBuffer.window)
        }
        #expect(count == 1 << 20)
        #expect(try await command.wait().code == 0)
    }

    /// Who stops reading and begins again goes on where it was.
    @Test func eachPieceIsGivenOnce() async throws {
        let server = try ScriptedServer(
            """
            exec.start)
                answer '{"id":7}'
                tell exec.output '{"id":7,"stream":"stdout","data":"a"}'
                tell exec.output '{"id":7,"stream":"stdout","data":"b"}'
                tell exec.output '{"id":7,"stream":"stderr","data":"c"}'
                tell exec.output '{"id":7,"stream":"stdout","data":"d"}'
                tell exec.exited '{"id":7,"end":{"code":0,"limits":[]}}' ;;
            """)
        let command = try await server.start().startCommand(["x"])
        _ = try await command.wait()
        for try await piece in command.output {
            #expect(piece == GuestCommand.Piece(stream: .stdout, bytes: Array("ab".utf8)))
            break
        }
        var rest: [String] = []
        for try await piece in command.output { rest.append("\(piece.stream) \(piece.text)") }
        #expect(rest == ["stderr c", "stdout d"])
    }

    @Test func outputCanBeDropped() async throws {
        let server = try writingServer()
        let command = try await server.start().startCommand(["yes"])
        command.discardOutput()
        #expect(try await command.wait().code == 0)
        for try await _ in command.output { Issue.record("there was something to read") }
    }

    // MARK: Input and signals

    @Test func requestsAreAboutTheirCommand() async throws {
        let server = try ScriptedServer(Self.stubborn)
        let vm = try await server.start()
        let command = try await vm.startCommand(["sh"], terminal: TerminalSize(rows: 24, columns: 80))
        try await command.write([UInt8](repeating: 0, count: 150_000))
        try await command.write("")
        try await command.closeInput()
        try await command.signal(SIGUSR1)
        try await command.resize(rows: 10, columns: 20)
        let requests = try server.requests().dropFirst(3)
        #expect(
            requests.map(\.method) == [
                "exec.write", "exec.write", "exec.write", "exec.closeStdin", "exec.signal", "exec.resize",
            ])
        #expect(requests.allSatisfy { $0.params["id"] as? Int == 7 })
        let input = requests.compactMap { ($0.params["base64"] as? String).flatMap { Data(base64Encoded: $0) } }
        #expect(input.map(\.count).reduce(0, +) == 150_000)
        #expect(try server.signals() == [SIGUSR1])
        let start = try #require(try server.requests("exec.start").first)
        #expect(start["terminal"] as? [String: Int] == ["rows": 24, "columns": 80])
    }

    // MARK: Commands that nobody wants

    @Test func aScopeEndsItsCommand() async throws {
        let server = try ScriptedServer(Self.running)
        let vm = try await server.start()
        let command = try await vm.withCommand(["server"]) { $0 }
        #expect(try await command.wait().signal == 1)
        try await vm.pause()
        let signals = try server.signals()
        #expect(signals.first == SIGHUP)
        // One that has ended is left alone.
        command.hangUp()
        try await vm.pause()
        #expect(try server.signals() == signals)
    }

    /// SIGKILL comes when SIGHUP did not help.
    @Test func cancellationHangsUp() async throws {
        let server = try ScriptedServer(Self.stubborn)
        let vm = try await server.start()
        let task = Task { try await vm.execute(["sleep", "1000"]) }
        _ = try await server.await("exec.closeStdin")
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        _ = try await server.await("exec.signal", count: 2)
        #expect(try server.signals() == [SIGHUP, SIGKILL])
    }

    /// A guest need not tell of an end.
    @Test func aScopeDoesNotWaitForEver() async throws {
        let server = try ScriptedServer(Self.stubborn)
        let vm = try await server.start()
        let command = try await vm.withCommand(["server"]) { $0 }
        #expect(try server.signals() == [SIGHUP, SIGKILL])
        let lost = MicroVMError.commandLost(reason: "the guest did not tell of its end after SIGKILL")
        await #expect(throws: lost) { _ = try await command.wait() }
    }

    /// Nobody will ever have a command whose start was cancelled.
    @Test func aStartThatIsCancelledLeavesNothing() async throws {
        let server = try ScriptedServer(
            """
            exec.start) start=$id ;;
            vm.pause) answer '{"id":7}' $start; answer '{"state":"paused"}' ;;
            """)
        let vm = try await server.start()
        let task = Task { try await vm.startCommand(["sleep", "1000"]) }
        _ = try await server.await("exec.start")
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(try server.signals() == [])
        try await vm.pause()
        _ = try await server.await("exec.signal", count: 2)
        #expect(try server.signals() == [SIGHUP, SIGKILL])
    }

    @Test func aCommandRunsOnWithoutItsHandle() async throws {
        let server = try writingServer()
        let vm = try await server.start()
        var command: GuestCommand? = try await vm.startCommand(["server"])
        try await vm.pause()
        #expect(try server.acknowledged() == 0)
        #expect(command != nil)
        command = nil
        // It does not wait for anybody to read what it writes.
        while try server.acknowledged() < 1 << 20 - 16384 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(try server.signals() == [])
    }

    @Test func cancellingAWaitLeavesACommandAlone() async throws {
        let server = try ScriptedServer(Self.running)
        let vm = try await server.start()
        let command = try await vm.startCommand(["sleep", "1000"])
        let waiter = Task { try await command.wait() }
        let reader = Task { for try await _ in command.output {} }
        waiter.cancel()
        reader.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiter.value }
        await #expect(throws: CancellationError.self) { try await reader.value }
        try await vm.pause()
        #expect(try server.signals() == [])
    }

    // MARK: Machines that end

    /// What the server does at a `vm.pause`, and what becomes of a command then.
    static let ends: [(String, @Sendable (MicroVM) -> MicroVMError)] = [
        ("exit 3", { .died(pid: $0.pid, status: "exit status 3") }),
        (
            #"tell vm.exited '{"cause":"poweredOff"}'; exit"#,
            { _ in .commandLost(reason: "the machine came to its end first (poweredOff)") }
        ),
        (
            #"tell exec.exited '{"id":7,"end":{"limits":[],"message":"the agent has gone"}}'; answer '{}'"#,
            { _ in .commandLost(reason: "the agent has gone") }
        ),
    ]

    @Test(arguments: ends.indices)
    func aMachinesEndIsTold(index: Int) async throws {
        let (end, lost) = Self.ends[index]
        let server = try ScriptedServer(
            """
            exec.start) answer '{"id":7}'; tell exec.output '{"id":7,"stream":"stdout","data":"first"}' ;;
            vm.pause) \(end) ;;
            """)
        let vm = try await server.start()
        let command = try await vm.startCommand(["sleep", "1000"])
        let waiter = Task { try await command.wait() }
        try? await vm.pause()
        let error = lost(vm)
        await #expect(throws: error) { _ = try await waiter.value }
        var output = ""
        await #expect(throws: error) {
            for try await piece in command.output { output += piece.text }
        }
        #expect(output == "first")
        await #expect(throws: error) { _ = try await command.wait() }
        command.hangUp()
    }

    // MARK: Files

    @Test func filesAreCopied() async throws {
        let server = try ScriptedServer(
            """
            fs.*) answer '{"members":3,"bytes":10}' ;;
            """)
        let vm = try await server.start()
        #expect(try await vm.copyIn("src", to: "/src", user: 4).members == 3)
        #expect(try await vm.copyOut("/src", to: "/tmp").bytes == 10)
        let (copyIn, copyOut) = (try server.requests("fs.copyIn")[0], try server.requests("fs.copyOut")[0])
        #expect(copyIn["source"] as? String == "\(FileManager.default.currentDirectoryPath)/src")
        #expect(copyIn["uid"] as? Int == 4 && copyIn["gid"] as? Int == 4)
        #expect(copyOut["source"] as? String == "/src" && copyOut["target"] as? String == "/tmp")
    }

    @Test func copyingIsGivenUpByCancellation() async throws {
        let server = try ScriptedServer("fs.copyIn) ;;")
        let vm = try await server.start()
        let task = Task { try await vm.copyIn("/src", to: "/src") }
        _ = try await server.await("fs.copyIn")
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(try await server.await("$/cancel")[0]["id"] as? Int == 3)
    }
}
