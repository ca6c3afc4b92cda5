import ControlMessages
import Foundation
import ProcessTable
import TemporaryFiles
import Testing

@testable import Swiftlet

/// Programs that are no Swiftlet, and machines that are lost.
struct FailureTests {
    @Test(.enabled(if: Payload.canRun, Payload.cannotRun))
    func aProcessThatDiesIsTold() async throws {
        let vm = try await MicroVM.start(try Payload.configuration("halt"))
        async let ending = Result { try await vm.wait() }
        async let stopping = Result { try await vm.stop(grace: .seconds(60)) }
        try await Task.sleep(for: .milliseconds(100))
        kill(vm.pid, SIGKILL)
        for result in [await ending, await stopping] {
            guard case .failure(let error) = result else {
                Issue.record("the machine ended: \(result)")
                return
            }
            #expect("\(error)".contains("\(vm.pid)") && "\(error)".contains("signal 9"), "\(error)")
        }
        await #expect(throws: MicroVMError.self) { _ = try await vm.get() }
        // Whoever waits for it or reads it is done.
        for await _ in vm.console {}
        for await _ in vm.events {}
        #expect(!ProcessTable.children.contains(vm.pid))
    }

    /// A request that is on its way is answered by that.
    @Test(.enabled(if: Payload.canRun, Payload.cannotRun))
    func aRequestWithoutAnAnswerIsToldOfTheEnd() async throws {
        let vm = try await MicroVM.start(try Payload.configuration("halt"))
        kill(vm.pid, SIGSTOP)
        async let answer = Result { try await vm.pause() }
        try await Task.sleep(for: .milliseconds(100))
        kill(vm.pid, SIGKILL)
        guard case .failure(let error) = await answer else {
            Issue.record("it was answered")
            return
        }
        #expect(error as? MicroVMError == .died(pid: vm.pid, status: "signal 9"))
    }

    /// One that does not react is killed with its process.
    @Test(.enabled(if: Payload.canRun, Payload.cannotRun))
    func aProcessThatHangsIsKilledInTheEnd() async throws {
        let vm = try await MicroVM.start(try Payload.configuration("halt"))
        kill(vm.pid, SIGSTOP)
        let begin = ContinuousClock.now
        #expect(try await vm.kill().cause == .killed)
        #expect(.seconds(4)...(.seconds(30)) ~= ContinuousClock.now - begin)
        #expect(!ProcessTable.isRunning(vm.pid))
    }

    private func start(_ script: String, helloLimit: UInt64 = 10_000_000_000) async throws -> MicroVM {
        let program = try TemporaryFile("#!/bin/sh\n\(script)\n", executable: true)
        return try await MicroVM.start(
            VMConfiguration(kernel: .init(path: "none")), unreadConsole: .dropsOldest,
            program: ServerProgram(path: program.path, helloLimit: helloLimit))
    }

    private func hello(protocol: String) -> String {
        let hello = Hello(
            protocol: `protocol`, version: "9.9", pid: 1, capabilities: [], limits: Limits(maxLine: 1 << 20))
        let message = try? JSONEncoder().encode(NotificationMessage(params: hello))
        return "echo '\(String(decoding: message ?? Data(), as: UTF8.self))'"
    }

    private func error(_ script: String, helloLimit: UInt64 = 10_000_000_000) async throws -> MicroVMError {
        let error = await #expect(throws: MicroVMError.self) { _ = try await start(script, helloLimit: helloLimit) }
        return try #require(error)
    }

    @Test func anotherProtocolIsRefused() async throws {
        guard case .incompatible(_, "9.9", "2.0") = try await error("\(hello(protocol: "2.0")); cat > /dev/null") else {
            Issue.record("it was another error")
            return
        }
        // A later version of the same protocol is not, and this one then ends.
        guard case .died(_, "exit status 3") = try await error("\(hello(protocol: "1.7")); read line; exit 3") else {
            Issue.record("it was another error")
            return
        }
    }

    @Test(arguments: ["exec yes", "echo '{}'; cat", "printf '\\377\\n'; cat", "echo '{\"method\":\"hello\"}'; cat"])
    func whatIsNoSwiftletIsNotUnderstood(script: String) async throws {
        guard case .notUnderstood = try await error(script) else {
            Issue.record("it was another error")
            return
        }
    }

    @Test func silenceIsNotWaitedForInVain() async throws {
        guard case .silent = try await error("exec sleep 1000", helloLimit: 200_000_000) else {
            Issue.record("it was another error")
            return
        }
    }

    @Test func aProgramThatEndsAtOnceIsTold() async throws {
        guard case .died(_, "exit status 127") = try await error("exit 127") else {
            Issue.record("it was another error")
            return
        }
    }

    /// An answer that is none, and an answer to nothing.
    @Test(arguments: [#"{"id":1,"result":7}"#, #"{"id":99,"result":{}}"#, #"{"id":null,"error":{"code":1}}"#])
    func answersAreReadWithCare(answer: String) async throws {
        switch try await error("\(hello(protocol: "1.0")); read line; echo '\(answer)'; exit 4") {
        case .notUnderstood, .died: break
        case let error: Issue.record("\(error)")
        }
    }

    @Test func aFileThatCannotBeExecutedIsTold() async throws {
        let file = try TemporaryFile("\u{7F}ELF is not what follows", executable: true)
        let error = await #expect(throws: MicroVMError.self) {
            _ = try await MicroVM.start(
                VMConfiguration(kernel: .init(path: "none")), unreadConsole: .dropsOldest,
                program: ServerProgram(path: file.path))
        }
        guard case .programFailed(file.path, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
