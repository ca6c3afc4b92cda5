import Foundation
import Linux
import TemporaryFiles
import Testing

/// `swiftlet serve` as programs use it.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct ServeTests {
    @Test func aMachineFromItsMakingToItsEnd() throws {
        let machine = try ServedMachine()
        try machine.notification("hello")
        #expect(try machine.refusal("vm.start")["kind"] as? String == "invalidState")
        let config = ["kernel": ["path": try Swiftlet.payload("hello")]]
        #expect(try machine.request("vm.create", ["config": config])["id"] as? String == "vm")
        #expect(try machine.refusal("vm.create", ["config": config])["kind"] as? String == "invalidState")
        #expect(try machine.refusal("vm.pause")["kind"] as? String == "invalidState")
        let waiting = try machine.send("vm.wait")
        #expect(try machine.request("vm.get")["state"] as? String == "created")
        #expect(try machine.request("vm.start")["state"] as? String == "running")
        let ending = try #require(try machine.answer(to: waiting)["result"] as? [String: Any])
        #expect(ending["cause"] as? String == "poweredOff")
        #expect(ending["code"] as? Int == 0)
        #expect(try machine.notification("vm.exited")["cause"] as? String == "poweredOff")
        #expect(try machine.request("vm.wait")["cause"] as? String == "poweredOff")
        #expect(try machine.request("vm.get")["state"] as? String == "stopped")
        #expect(try machine.request("vm.kill")["state"] as? String == "stopped")
        #expect(try machine.refusal("vm.start")["kind"] as? String == "invalidState")
        #expect(machine.console == Array("hello from a bare-metal guest\n".utf8))

        // All output comes before the end is told.
        let methods = machine.messages.compactMap { $0["method"] as? String }
        #expect(methods.filter { $0 != "console.output" } == ["hello", "vm.state", "vm.state", "vm.exited"])
        #expect(methods.lastIndex(of: "console.output") == methods.count - 3)
        let result = try machine.end()
        #expect(result.ending == .exited(0))
        #expect(result.errors == "")
    }

    @Test func theConsoleIsAlive() throws {
        let machine = try ServedMachine(payload: "echo")
        try machine.awaitConsole("full stop\n")
        try machine.request("console.write", ["data": "héllo, \u{1F600}\n"])
        try machine.awaitConsole("HéLLO, \u{1F600}\n")
        try machine.request("console.write", ["base64": Data([0xFF, 0x61]).base64EncodedString()])
        try machine.session.await("the echo of bytes that are no text") { _ in
            (try? machine.request("server.ping")) != nil && machine.console.suffix(2) == [0xFF, 0x41]
        }
        try machine.request("console.write", ["data": "."])
        let ending = try machine.request("vm.wait")
        #expect(ending["cause"] as? String == "poweredOff")
        #expect(ending["code"] as? Int == 7)
        #expect(try machine.refusal("console.write", ["data": "."])["kind"] as? String == "invalidState")
    }

    /// A guest that does not read its console cannot make the server keep more than it should.
    @Test func inputThatNobodyTakesIsRefusedInTheEnd() throws {
        let machine = try ServedMachine(payload: "spin")
        let half = ["data": String(repeating: "x", count: 600_000)]
        try machine.request("console.write", half)
        #expect(try machine.refusal("console.write", half)["kind"] as? String == "resource")
        try machine.request("console.write", ["data": "x"])
        #expect(try machine.request("vm.kill")["state"] as? String == "stopped")
    }

    /// What a client does not read waits in the guest, in front of some buffers, and so requests are answered soon.
    @Test func aClientThatReadsLateIsAnsweredSoonAndGetsEveryByte() throws {
        let machine = try ServedMachine(payload: "flood")
        try machine.awaitConsole("flooding the console\n")
        machine.session.shrinkOutput()
        // Nothing is read meanwhile. Without a bound, 100 KiB and more come together.
        usleep(4_000_000)
        let ping = try machine.send("server.ping")
        _ = try machine.answer(to: ping)
        let answer = machine.session.stdout.firstRange(of: Array("{\"id\":\(ping),".utf8))
        // What was read before, the pipe, the server's backlog, and the message that exceeds it.
        #expect(try #require(answer).lowerBound < (8 + 4 + 16 + 32) << 10)

        #expect(try machine.request("vm.kill")["state"] as? String == "stopped")
        let lines = machine.console.split(separator: UInt8(ascii: "\n")).dropFirst().dropLast()
        #expect(!lines.isEmpty)
        let line = Array(UInt8(ascii: "!")..<UInt8(ascii: "!") + 63)
        #expect(lines.allSatisfy { $0.elementsEqual(line) }, "bytes were lost")
    }

    @Test func pausingStopsTheGuestAndStatisticsShowIt() throws {
        let machine = try ServedMachine(payload: "flood", configuration: ["cpus": 2, "console": ["output": "discard"]])
        #expect(try machine.request("vm.pause")["state"] as? String == "paused")
        let paused = try serialWrites(machine)
        usleep(50_000)
        #expect(try serialWrites(machine) == paused)
        #expect(try machine.refusal("vm.pause")["kind"] as? String == "invalidState")
        #expect(try machine.request("vm.resume")["state"] as? String == "running")
        try machine.session.await("more output") { _ in
            ((try? serialWrites(machine)) ?? 0) > paused
        }
        #expect(machine.console.isEmpty)
        let transitions = machine.messages.filter { $0["method"] as? String == "vm.state" }
            .compactMap { ($0["params"] as? [String: Any])?["to"] as? String }
        #expect(transitions == ["running", "paused", "running"])
    }

    @Test func waitingHasALimitAndOthersGoOn() throws {
        let machine = try ServedMachine(payload: "spin")
        let long = try machine.send("vm.wait")
        let short = try machine.send("vm.wait", ["timeoutMs": 200])
        try machine.request("server.ping")
        let refusal = try #require(try machine.answer(to: short)["error"] as? [String: Any])
        #expect((refusal["data"] as? [String: Any])?["kind"] as? String == "timeout")
        let begin = ContinuousClock.now
        #expect(try machine.request("vm.stop", ["graceMs": 300])["state"] as? String == "stopped")
        #expect(.milliseconds(300)...(.seconds(60)) ~= ContinuousClock.now - begin)
        let ending = try machine.answer(to: long)["result"] as? [String: Any]
        #expect(ending?["cause"] as? String == "killed")
    }

    @Test func requestsCanBeGivenUp() throws {
        let machine = try ServedMachine(payload: "spin")
        let kinds = { (id: Int) in
            let error = try machine.answer(to: id)["error"] as? [String: Any]
            return (error?["data"] as? [String: Any])?["kind"] as? String
        }
        let (first, second) = (try machine.send("vm.wait"), try machine.send("vm.wait"))
        try machine.request("$/cancel", ["id": first])
        #expect(try kinds(first) == "cancelled")
        // It has been answered, and so has what never was.
        try machine.request("$/cancel", ["id": first])
        try machine.request("$/cancel", ["id": "nonesuch"])
        let stopping = try machine.send("vm.stop", ["graceMs": 500, "timeoutMs": 100])
        #expect(try kinds(stopping) == "timeout")
        // What it has brought about goes on.
        #expect(try machine.answer(to: second)["result"] is [String: Any])
        let answers = machine.messages.compactMap { $0["id"] as? Int }
        #expect(answers.count == Set(answers).count)
    }

    @Test func anIdInUseIsRefused() throws {
        let machine = try ServedMachine(payload: "spin")
        let waiting = try machine.send("vm.wait")
        machine.session.write(#"{"jsonrpc":"2.0","id":\#(waiting),"method":"server.ping"}"# + "\n")
        let error = try #require(try machine.answer(to: waiting)["error"] as? [String: Any])
        #expect(error["code"] as? Int == -32600)
        try machine.request("vm.kill")
        #expect(machine.messages.filter { $0["id"] as? Int == waiting }.count == 2)
    }

    /// The answers come in the order of the requests, and mean what they would have one after the other.
    @Test func pausingTakesItsTurn() throws {
        let machine = try ServedMachine(payload: "flood", configuration: ["console": ["output": "discard"]])
        var ids: [Int] = []
        for _ in 0..<50 { ids += [try machine.send("vm.pause"), try machine.send("vm.resume")] }
        let states = try ids.map { (try machine.answer(to: $0)["result"] as? [String: Any])?["state"] as? String }
        #expect(states == (0..<50).flatMap { _ in ["paused", "running"] })
        let (pausing, stopping) = (try machine.send("vm.pause"), try machine.send("vm.stop", ["graceMs": 1]))
        _ = try machine.answer(to: pausing)
        #expect((try machine.answer(to: stopping)["result"] as? [String: Any])?["state"] as? String == "stopped")
        #expect(try machine.notification("vm.exited")["cause"] as? String == "killed")
    }

    @Test(arguments: ["spin", "halt"], [true, false])
    func theEndOfInputKillsTheMachine(payload: String, started: Bool) throws {
        let isPrompt = try inOneOfFiveTries {
            let machine = try ServedMachine(payload: payload, started: started)
            let waiting = try machine.send("vm.wait")
            try machine.request("server.ping")
            let begin = ContinuousClock.now
            #expect(try machine.end().ending == .exited(0))
            let time = ContinuousClock.now - begin
            let ending = try machine.answer(to: waiting)["result"] as? [String: Any]
            #expect(ending?["cause"] as? String == "killed")
            return time < .milliseconds(1500)
        }
        #expect(isPrompt)
    }

    /// The guest does not react to its power button.
    @Test func theEndOfInputCanStopTheMachineInstead() throws {
        let machine = try ServedMachine(payload: "halt", arguments: ["--on-disconnect", "stop"])
        let begin = ContinuousClock.now
        #expect(try machine.end().ending == .exited(0))
        #expect(.seconds(2)...(.seconds(60)) ~= ContinuousClock.now - begin)
    }

    @Test func aClientThatIsGoneAltogetherEndsTheMachine() throws {
        let machine = try ServedMachine(payload: "flood")
        try machine.awaitConsole("flooding the console\n")
        machine.session.closeOutput()
        #expect(try machine.session.end().ending == .exited(0))
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func aSecondSignalEndsItAtOnce(signal: CInt) throws {
        let isPrompt = try inOneOfFiveTries {
            let machine = try ServedMachine(payload: "spin")
            let begin = ContinuousClock.now
            machine.session.send(signal)
            usleep(100_000)
            machine.session.send(signal)
            #expect(try machine.finish().ending == .signalled(signal))
            let time = ContinuousClock.now - begin
            try machine.notification("vm.exited")
            return time < .milliseconds(1900)
        }
        #expect(isPrompt)
    }

    @Test(arguments: [
        ("console-panic", "panicked", "test"), ("triple-fault", "tripleFault", "triple fault"),
        ("reset-acpi", "reset", nil),
    ])
    func theEndIsTold(payload: String, cause: String, message: String?) throws {
        let machine = try ServedMachine(payload: payload)
        let ending = try machine.notification("vm.exited")
        #expect(ending["cause"] as? String == cause)
        if let message { #expect((ending["message"] as? String)?.contains(message) == true) }
        let panics = machine.messages.filter { $0["method"] as? String == "guest.panic" }
        #expect(panics.count == (cause == "panicked" ? 1 : 0))
    }

    @Test func whatIsWrongWithAFileIsToldWhenTheMachineIsMade() throws {
        let machine = try ServedMachine()
        func refusal(_ path: String) throws -> [String: Any] {
            try machine.refusal("vm.create", ["config": ["kernel": ["path": path]]])
        }
        let missing = try refusal("/nonexistent")
        #expect(missing["kind"] as? String == "notFound")
        #expect(missing["field"] as? String == "/config/kernel/path")
        #expect(missing["errno"] as? Int == Int(ENOENT))
        #expect(try refusal("/dev/null")["kind"] as? String == "invalidArgument")
        #expect(try refusal("/etc/hostname")["kind"] as? String == "invalidArgument")
        // None of them made a machine.
        #expect(try machine.refusal("vm.get")["kind"] as? String == "invalidState")
    }

    @Test func theConsoleCanGoElsewhere() throws {
        let file = try TemporaryFile(Array("before\n".utf8))
        let filed = try ServedMachine(payload: "hello", configuration: ["console": ["output": "file:\(file.path)"]])
        try filed.request("vm.wait")
        #expect(try String(contentsOfFile: file.path, encoding: .utf8) == "before\nhello from a bare-metal guest\n")
        #expect(filed.console.isEmpty)

        let inherited = try ServedMachine(payload: "hello", configuration: ["console": ["output": "inherit"]])
        try inherited.request("vm.wait")
        #expect(try inherited.end().errors == "hello from a bare-metal guest\n")
        #expect(inherited.console.isEmpty)
    }

    @Test(arguments: ["vm.kill", "vm.stop"])
    func whoDoesNotReadTheConsoleKeepsNoMachine(method: String) throws {
        let pipe = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path
        try #require(mkfifo(pipe, 0o600) == 0)
        let reader = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer {
            close(reader)
            unlink(pipe)
        }
        let machine = try ServedMachine(payload: "flood", configuration: ["console": ["output": "file:\(pipe)"]])
        var (unread, before): (CInt, CInt) = (0, 0)
        try machine.session.await("the pipe is full") { _ in
            before = unread
            usleep(500_000)
            // A guest that has just begun may print nothing for as long.
            return ioctl(reader, UInt(FIONREAD), &unread) == 0 && unread > 32 << 10
                && unread == before
        }
        #expect(
            try machine.request(method, method == "vm.stop" ? ["graceMs": 100] : [:])["state"] as? String == "stopped")
        #expect((try machine.notification("log.line")["message"] as? String)?.contains("lost") == true)
        #expect(try machine.end().ending == .exited(0))
    }

    @Test func disksAreChangedWhileTheGuestRuns() throws {
        let image = try TemporaryFile([UInt8](repeating: 0, count: 1 << 20))
        let other = try TemporaryFile([UInt8](repeating: 0, count: 1 << 19))
        let disk = ["id": "data", "path": image.path]
        let machine = try ServedMachine(payload: "spin", configuration: ["disks": [disk], "entropy": true])
        try machine.request("device.update", ["id": "data"])
        try machine.request("device.update", ["id": "data", "path": other.path])
        let config = try machine.request("vm.get")["config"] as? [String: Any]
        #expect((config?["disks"] as? [[String: Any]])?.first?["path"] as? String == other.path)

        func kind(_ params: [String: Any]) throws -> String? {
            try machine.refusal("device.update", params)["kind"] as? String
        }
        #expect(try kind(["id": "data", "path": "/nonexistent"]) == "notFound")
        #expect(try kind(["id": "data", "linkUp": true]) == "invalidArgument")
        #expect(try kind(["id": "entropy"]) == "unsupported")
        #expect(try kind(["id": "nothing"]) == "notFound")
        try machine.request("vm.pause")
        try machine.request("device.update", ["id": "data", "path": image.path])
        try machine.request("vm.kill")
        #expect(try kind(["id": "data"]) == "invalidState")
    }

    @Test func socketsOfAMachineThatNeverStartedAreRemoved() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "s-\(UUID().uuidString.prefix(8))").path
        let machine = try ServedMachine(
            payload: "spin",
            configuration: [
                "vsock": ["cid": 3, "socket": path], "ports": [["name": "port", "socket": "\(path).port"]],
            ], started: false)
        #expect(access(path, F_OK) == 0 && access("\(path).port", F_OK) == 0)
        _ = try machine.end()
        #expect(access(path, F_OK) != 0 && access("\(path).port", F_OK) != 0)
    }

    @Test func theBalloonTakesASize() throws {
        let machine = try ServedMachine(payload: "spin", configuration: ["balloon": [:] as [String: Any]])
        try machine.request("device.update", ["id": "balloon", "size": "8M"])
        try machine.session.await("the balloon's target") { _ in
            let memory = try? machine.request("vm.stats")["memory"] as? [String: Any]
            return memory?["balloonTargetBytes"] as? Int == 8 << 20
        }
        func field(_ params: [String: Any]) throws -> String? {
            try machine.refusal("device.update", params)["field"] as? String
        }
        #expect(try field(["id": "balloon", "path": "x"]) == "/path")
        #expect(try field(["id": "balloon"]) == "/size")
        #expect(try field(["id": "balloon", "size": "1T"]) == "/size")
    }

    @Test func statisticsTellWhatTheMachineDid() throws {
        let disk = try TemporaryFile([UInt8](repeating: 0, count: 1 << 20))
        let machine = try ServedMachine(
            payload: "virtio-block", configuration: ["disks": [["id": "data", "path": disk.path]], "entropy": true])
        try machine.notification("vm.exited")
        let statistics = try machine.request("vm.stats")
        let devices = try #require(statistics["devices"] as? [[String: Any]])
        #expect(devices.compactMap { $0["id"] as? String } == ["data", "entropy"])
        for direction in ["toGuest", "fromGuest"] {
            let traffic = try #require(devices[0][direction] as? [String: Int])
            #expect(traffic["requests", default: 0] > 0 && traffic["bytes", default: 0] > 0, "\(devices)")
            #expect((devices[1][direction] as? [String: Int])?["requests"] == 0)
        }

        let running = try ServedMachine(payload: "flood")
        try running.awaitConsole("flooding the console")
        let now = try running.request("vm.stats")
        let vcpu = try #require((now["vcpus"] as? [[String: Any]])?.first)
        #expect(vcpu["runTimeNs"] is Int && vcpu["stealNs"] is Int, "\(vcpu)")
        let resident = (now["memory"] as? [String: Any])?["residentBytes"] as? Int
        #expect(4096...(64 << 20) ~= resident ?? 0)
    }

    /// The socket is its user's alone, takes one client, and goes when that came.
    @Test func aClientCanComeThroughASocket() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path
        let session = try Swiftlet.start(["serve", "--socket", path])
        try session.await("a socket") { _ in access(path, F_OK) == 0 }
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        do {
            let client = try SocketClient(path: path, of: session)
            try client.receive(until: #""method":"hello""#)
            #expect(access(path, F_OK) == -1)
            client.send(#"{"jsonrpc":"2.0","id":1,"method":"server.ping"}"#)
            try client.receive(until: #"{"id":1,"jsonrpc":"2.0","result":{}}"#)
        }
        let result = try session.end()
        #expect(result.ending == .exited(0))
        #expect(result.output == "" && result.errors == "")
    }

    @Test func aMachineCanGoOnWithoutAClient() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path
        let session = try Swiftlet.start(["serve", "--socket", path, "--on-disconnect", "detach"])
        try session.await("a socket") { _ in access(path, F_OK) == 0 }
        do {
            let client = try SocketClient(path: path, of: session)
            let kernel = try Swiftlet.payload("flood")
            let config = #"{"memory":"64M","kernel":{"path":"\#(kernel)"}}"#
            client.send(#"{"jsonrpc":"2.0","id":1,"method":"vm.create","params":{"config":\#(config)}}"#)
            client.send(#"{"jsonrpc":"2.0","id":2,"method":"vm.start"}"#)
            client.send(#"{"jsonrpc":"2.0","id":3,"method":"vm.wait"}"#)
            // Any of it: what is printed comes in pieces.
            try client.receive(until: #""method":"console.output""#)
        }
        // The same ids are free again, and what was printed meanwhile, as soon as there was anything, is announced as lost.
        func comeBack() throws -> SocketClient {
            let client = try SocketClient(path: path, of: session)
            client.send(#"{"jsonrpc":"2.0","id":3,"method":"vm.get"}"#)
            try client.receive(until: #""state":"running""#)
            return client
        }
        let loss = Array("bytes of output came while there was no client, and are lost".utf8)
        var client: SocketClient?
        for _ in 0..<100 where client?.received.firstRange(of: loss) == nil {
            // One at a time: the next is not served before this one has gone.
            client = nil
            usleep(10_000)
            client = try comeBack()
        }
        let next = try #require(client)
        #expect(next.received.firstRange(of: Array(#""method":"hello""#.utf8)) != nil)
        #expect(next.received.firstRange(of: loss) != nil)
        next.send(#"{"jsonrpc":"2.0","id":4,"method":"vm.kill"}"#)
        try next.receive(until: #"{"id":4,"jsonrpc":"2.0","result":{"state":"stopped"}}"#)
        #expect(access(path, F_OK) == 0)
        withExtendedLifetime(next) {}
    }

    /// Nobody can come back: the machine goes on to its own end.
    @Test func aMachineOnStandardStreamsCanGoOnAlone() throws {
        let machine = try ServedMachine(payload: "spin", arguments: ["--on-disconnect", "detach"])
        try machine.session.endInput()
        usleep(200_000)
        let commandLine = FileManager.default.contents(atPath: "/proc/\(machine.session.process)/cmdline")
        #expect(commandLine?.isEmpty == false)
        machine.session.send(SIGTERM)
        machine.session.send(SIGTERM)
        #expect(try machine.finish().ending == .signalled(SIGTERM))
    }

    /// As when a terminal changes its size.
    @Test func signalsThatAreNotForItAreIgnored() throws {
        let machine = try ServedMachine(payload: "spin")
        machine.session.send(SIGWINCH)
        usleep(50_000)
        #expect(try machine.request("vm.get")["state"] as? String == "running")
    }

    private func serialWrites(_ machine: ServedMachine) throws -> Int {
        let vcpus = try #require(try machine.request("vm.stats")["vcpus"] as? [[String: Any]])
        #expect(vcpus.count == 2)
        return (vcpus[0]["exits"] as? [String: Int])?["serialWrite"] ?? 0
    }
}
