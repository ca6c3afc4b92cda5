import Glibc
import Linux
import Testing

/// `swiftlet serve --client`: the machine goes with a process, whoever holds the pipes.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct ClientProcessTests {
    @Test func theMachineGoesWithItsClient() throws {
        let client = try ChildProcess(["sleep", "1000"], descriptors: [])
        let machine = try ServedMachine(payload: "halt", arguments: ["--client", "\(client.pid)"])
        try machine.request("server.ping")
        _ = client.end()
        #expect(try machine.notification("vm.exited")["cause"] as? String == "killed")
        #expect(try machine.finish().ending == .exited(0))
    }

    @Test func itsPowerButtonCanBePressedInstead() throws {
        let client = try ChildProcess(["sleep", "1000"], descriptors: [])
        let machine = try ServedMachine(
            payload: "halt", arguments: ["--client", "\(client.pid)", "--on-disconnect", "stop"])
        try machine.request("server.ping")
        let begin = ContinuousClock.now
        _ = client.end()
        #expect(try machine.finish().ending == .exited(0))
        #expect(.seconds(2)...(.seconds(60)) ~= ContinuousClock.now - begin)
    }

    @Test func aClientThatHasEndedIsNotWaitedFor() throws {
        let result = try Swiftlet.run(["serve", "--client", "\(pid_t.max)"])
        #expect(result.ending == .exited(0))
        #expect(result.output == "" && result.errors == "")
        let wrong = try Swiftlet.run(["serve", "--client", "0"])
        #expect(wrong.ending == .exited(125))
        #expect(wrong.errors.contains("process 0"))
    }
}
