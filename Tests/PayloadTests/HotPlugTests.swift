import Foundation
import TemporaryFiles
import Testing

/// Devices that come and go over the control channel, in a guest that does as it is asked, or not.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct HotPlugTests {
    private typealias Message = ServedMachine.Message

    private static let sectors = 2048

    private static func image() throws -> TemporaryFile { try TemporaryFile(zeros: sectors * 512) }

    /// A running machine on PCI.
    private func machine(_ mode: String = "", configuration: Message = [:]) throws -> ServedMachine {
        let machine = try ServedMachine()
        var configuration = configuration
        configuration["memory"] = "64M"
        configuration["transport"] = configuration["transport"] ?? "pci"
        configuration["kernel"] = ["path": try Swiftlet.payload("hot-plug"), "append": mode]
        try machine.request("vm.create", ["config": configuration])
        try machine.request("vm.start")
        try machine.awaitConsole("watching the slots\n")
        return machine
    }

    private func devices(of machine: ServedMachine) throws -> [String] {
        let devices = try #require(try machine.request("vm.get")["devices"] as? [Message])
        return devices.compactMap { $0["id"] as? String }
    }

    private func disks(of machine: ServedMachine) throws -> [Message] {
        let configuration = try #require(try machine.request("vm.get")["config"] as? Message)
        return try #require(configuration["disks"] as? [Message])
    }

    /// Leaves a guest on a busy host the time that it needs.
    private func beginDetaching(_ id: String, from machine: ServedMachine) throws -> Int {
        try machine.send("device.detach", ["id": id, "timeoutMs": 600_000])
    }

    private func detach(_ id: String, from machine: ServedMachine) throws {
        let answer = try machine.answer(to: try beginDetaching(id, from: machine))
        try #require(answer["result"] != nil, "\(answer)")
    }

    @Test(arguments: ["", "hostile"])
    func aDiskComesAndGoes(mode: String) throws {
        let images = [try Self.image(), try Self.image()]
        let machine = try machine(mode, configuration: ["disks": [["id": "first", "path": images[0].path]]])
        for round in 1...3 {
            try machine.request(
                "device.attach", ["disk": ["id": "second", "path": images[1].path, "operationsPerSecond": 10000]])
            try awaitConsole(round, lines: "a disk of \(Self.sectors) sectors in slot 2", of: machine)
            #expect(try devices(of: machine) == ["first", "second"])
            let described = try disks(of: machine)
            #expect(described.compactMap { $0["path"] as? String } == images.map(\.path))
            #expect(described.last?["operationsPerSecond"] as? Int == 10000)

            try detach("second", from: machine)
            try awaitConsole(round, lines: "let go in slot 2", of: machine)
            #expect(try devices(of: machine) == ["first"])
            #expect(try disks(of: machine).count == 1)
        }
        // One that was there from the start, in whose place another comes.
        try detach("first", from: machine)
        try machine.awaitConsole("\nlet go in slot 1\n")
        #expect(try devices(of: machine) == [])
        try machine.request("device.attach", ["disk": ["id": "first", "path": images[1].path]])
        try machine.awaitConsole("a disk of \(Self.sectors) sectors in slot 1\n")
        #expect(try machine.request("vm.kill")["state"] as? String == "stopped")
        #expect(try machine.end().errors == "")
    }

    /// Waits until the guest has printed a line so often, after which it does nothing more with the device.
    private func awaitConsole(_ count: Int, lines line: String, of machine: ServedMachine) throws {
        try machine.session.await("'\(line)' for time \(count)") { _ in
            guard (try? machine.request("server.ping")) != nil else { return false }
            let lines = String(decoding: machine.console, as: UTF8.self).split(separator: "\n")
            return lines.count { $0 == line } >= count
        }
    }

    /// The guest lets go once nobody waits for it any more.
    @Test func aDeviceStaysWhenItsGuestIsLate() throws {
        let image = try Self.image()
        let machine = try machine("late", configuration: ["disks": [["id": "disk", "path": image.path]]])
        let asked = Array("asked to let go in slot 1\n".utf8)
        // A guest that was too late to be asked at all is asked once more.
        repeat {
            let refusal = try machine.refusal("device.detach", ["id": "disk", "timeoutMs": 300])
            #expect(refusal["kind"] as? String == "timeout")
        } while machine.console.firstRange(of: asked) == nil
        #expect(try devices(of: machine) == ["disk"])
        try machine.request("console.write", ["data": "x"])
        try machine.awaitConsole("\nlet go in slot 1\n")
        #expect(try devices(of: machine) == ["disk"])
        #expect(try disks(of: machine).count == 1)

        let detaching = try beginDetaching("disk", from: machine)
        try machine.request("console.write", ["data": "x"])
        #expect(try machine.answer(to: detaching)["result"] != nil)
        #expect(try devices(of: machine) == [])
    }

    @Test func whileADeviceIsOnItsWayOutItIsLeftAlone() throws {
        let image = try Self.image()
        let machine = try machine("late", configuration: ["disks": [["id": "disk", "path": image.path]]])
        let detaching = try beginDetaching("disk", from: machine)
        for (method, params) in [("device.detach", [:]), ("device.update", ["bytesPerSecond": 4096])] as [(_, Message)]
        {
            let refusal = try machine.refusal(method, params.merging(["id": "disk"]) { $1 })
            #expect(refusal["kind"] as? String == "invalidState")
            #expect(refusal["field"] as? String == "/id")
        }
        let refusal = try machine.refusal("device.attach", ["disk": ["id": "disk", "path": image.path]])
        #expect(refusal["field"] as? String == "/disk/id")
        try machine.request("console.write", ["data": "x"])
        #expect(try machine.answer(to: detaching)["result"] != nil)
    }

    @Test func whatIsGivenUpIsNotWaitedFor() throws {
        let image = try Self.image()
        let machine = try machine("late", configuration: ["disks": [["id": "disk", "path": image.path]]])
        let detaching = try beginDetaching("disk", from: machine)
        try machine.awaitConsole("asked to let go in slot 1\n")
        try machine.request("$/cancel", ["id": detaching])
        let error = try #require(try machine.answer(to: detaching)["error"] as? Message)
        #expect((error["data"] as? Message)?["kind"] as? String == "cancelled")
        try machine.session.await("the device is let alone") { _ in
            guard let update = try? machine.send("device.update", ["id": "disk"]) else { return false }
            return (try? machine.answer(to: update)["result"]) != nil
        }
        try machine.request("console.write", ["data": "x"])
        try machine.awaitConsole("\nlet go in slot 1\n")
        #expect(try devices(of: machine) == ["disk"])
    }

    @Test(arguments: ["vm.kill", "vm.stop"])
    func whoWaitsIsAnsweredAtTheMachinesEnd(method: String) throws {
        let image = try Self.image()
        let machine = try machine("late", configuration: ["disks": [["id": "disk", "path": image.path]]])
        let detaching = try beginDetaching("disk", from: machine)
        try machine.awaitConsole("asked to let go in slot 1\n")
        try machine.request(method, method == "vm.stop" ? ["graceMs": 100] : [:])
        let error = try #require(try machine.answer(to: detaching)["error"] as? Message)
        let kind = (error["data"] as? Message)?["kind"] as? String
        #expect(["cancelled", "invalidState"].contains(kind))
        #expect(try machine.end().ending == .exited(0))
    }

    // MARK: Refusals

    @Test func whatCannotBeAttachedIsNamed() throws {
        let image = try Self.image()
        let other = try Self.image()
        let machine = try machine(configuration: ["disks": [["id": "disk", "path": image.path]], "entropy": true])
        func refusal(_ params: Message) throws -> [String] {
            let refusal = try machine.refusal("device.attach", params)
            return ["kind", "field"].map { refusal[$0] as? String ?? "" }
        }
        func disk(_ changes: Message) -> Message {
            ["disk": (["id": "new", "path": other.path] as Message).merging(changes) { $1 }]
        }
        #expect(try refusal(disk(["id": "disk"])) == ["invalidArgument", "/disk/id"])
        #expect(try refusal(disk(["id": "entropy"])) == ["invalidArgument", "/disk/id"])
        #expect(try refusal(disk(["path": image.path])) == ["invalidArgument", "/disk/path"])
        #expect(try refusal(disk(["queueSize": 3])) == ["invalidArgument", "/disk/queueSize"])
        #expect(try refusal(disk(["queueSize": "3"])) == ["invalidArgument", "/disk/queueSize"])
        #expect(try refusal(disk(["colour": "red"])) == ["invalidArgument", "/disk/colour"])
        #expect(try refusal(disk(["path": "/nonexistent"])) == ["notFound", ""])
        #expect(try refusal(["net": ["id": "disk", "tap": "tap0"]]) == ["invalidArgument", "/net/id"])
        #expect(try refusal(["net": ["id": "net"]]) == ["invalidArgument", "/net"])
        #expect(
            try refusal(disk([:]).merging(["net": ["id": "net", "tap": "tap0"]]) { $1 }) == ["invalidArgument", ""])
        #expect(try refusal([:]) == ["invalidArgument", ""])
        #expect(try devices(of: machine) == ["disk", "entropy"])

        let detachment = try machine.refusal("device.detach", ["id": "entropy"])
        #expect(detachment["kind"] as? String == "unsupported")
        #expect(try machine.refusal("device.detach", ["id": "none"])["kind"] as? String == "notFound")
        #expect(
            try machine.refusal("device.detach", ["id": "disk", "timeoutMs": -1])["field"] as? String == "/timeoutMs")
    }

    /// As requests that come right after each other find it.
    @Test func aDeviceOnItsWayInIsLeftAlone() throws {
        let image = try Self.image()
        let machine = try machine()
        var refusals = 0
        for _ in 0..<20 {
            let attaching = try machine.send("device.attach", ["disk": ["id": "disk", "path": image.path]])
            let detaching = try beginDetaching("disk", from: machine)
            #expect(try machine.answer(to: attaching)["result"] != nil)
            let answer = try machine.answer(to: detaching)
            if let error = answer["error"] as? Message {
                #expect((error["data"] as? Message)?["kind"] as? String == "invalidState")
                refusals += 1
                try detach("disk", from: machine)
            }
        }
        #expect(refusals > 0)
    }

    @Test func oneImageIsNotPluggedInTwiceAtOnce() throws {
        let image = try Self.image()
        let machine = try machine()
        let requests = try (0..<10).map {
            try machine.send("device.attach", ["disk": ["id": "disk\($0)", "path": image.path]])
        }
        let answers = try requests.map { try machine.answer(to: $0) }
        #expect(answers.filter { $0["result"] != nil }.count == 1)
        #expect(try devices(of: machine).count == 1)
    }

    @Test func devicesOverMMIOStay() throws {
        let image = try Self.image()
        let machine = try ServedMachine(
            payload: "spin", configuration: ["disks": [["id": "disk", "path": image.path]]], started: false)
        let attachment: Message = ["disk": ["id": "other", "path": try Self.image().path]]
        #expect(try machine.refusal("device.attach", attachment)["kind"] as? String == "invalidState")
        try machine.request("vm.start")
        for (method, params) in [("device.attach", attachment), ("device.detach", ["id": "disk"])] {
            let refusal = try machine.refusal(method, params)
            #expect(refusal["kind"] as? String == "unsupported")
            #expect((refusal["hint"] as? String)?.contains(#""transport":"pci""#) == true)
        }
    }

    @Test func slotsRunOut() throws {
        let machine = try machine()
        let images = try (0..<9).map { _ in try Self.image() }
        for (index, image) in images.prefix(8).enumerated() {
            try machine.request("device.attach", ["disk": ["id": "disk\(index)", "path": image.path]])
        }
        let last: Message = ["disk": ["id": "disk8", "path": images[8].path]]
        #expect(try machine.refusal("device.attach", last)["kind"] as? String == "resource")
        #expect(try devices(of: machine).count == 8)
        try detach("disk3", from: machine)
        try machine.request("device.attach", last)
        #expect(
            try disks(of: machine).compactMap { $0["id"] as? String } == [0, 1, 2, 4, 5, 6, 7, 8].map { "disk\($0)" })
    }

    // MARK: What is left

    /// Neither descriptors nor threads.
    @Test(arguments: ["", "hostile"])
    func nothingIsLeftOfDevicesThatHaveGone(mode: String) throws {
        let image = try Self.image()
        let machine = try machine(mode)
        var devices: [Message] = [["disk": ["id": "device", "path": image.path, "queues": 4]]]
        if HostileGuestTests.Device.usable.contains(.net) {
            devices.append(["net": ["id": "device", "tap": "hotplug\(UInt16.random(in: 0...(.max)))"]])
        }
        var before: [String: Int] = [:]
        for cycle in 0..<200 {
            try machine.request("device.attach", devices[cycle % devices.count])
            try detach("device", from: machine)
            try awaitConsole(cycle + 1, lines: "let go in slot 1", of: machine)
            // Each kind has been there once.
            if cycle == 1 { before = try resources(of: machine) }
        }
        #expect(try resources(of: machine) == before)
        #expect(try machine.request("vm.kill")["state"] as? String == "stopped")
        #expect(try machine.end().errors == "")
    }

    private func resources(of machine: ServedMachine) throws -> [String: Int] {
        let process = "/proc/\(machine.session.process)"
        let files = FileManager.default
        var counts: [String: Int] = [:]
        for descriptor in try files.contentsOfDirectory(atPath: "\(process)/fd") {
            guard let target = try? files.destinationOfSymbolicLink(atPath: "\(process)/fd/\(descriptor)") else {
                continue
            }
            let kind = String(target.prefix { !$0.isNumber })
            counts[kind, default: 0] += 1
        }
        counts["threads"] = try files.contentsOfDirectory(atPath: "\(process)/task").count
        return counts
    }

    // MARK: Limits

    @Test func limitsOfRunningDevicesChange() throws {
        let image = try Self.image()
        let machine = try machine(
            configuration: ["disks": [["id": "disk", "path": image.path, "operationsPerSecond": 100]]])
        func limits() throws -> [Int?] {
            let disk = try #require(try disks(of: machine).first)
            return ["bytesPerSecond", "operationsPerSecond"].map { disk[$0] as? Int }
        }
        try machine.request("device.update", ["id": "disk", "bytesPerSecond": 5000])
        #expect(try limits() == [5000, 100])
        try machine.request("device.update", ["id": "disk", "bytesPerSecond": 0, "operationsPerSecond": 7])
        #expect(try limits() == [nil, 7])
        try machine.request("device.update", ["id": "disk"])
        #expect(try limits() == [nil, 7])

        for (changes, field) in [
            (["bytesPerSecond": 4095], "bytesPerSecond"), (["bytesPerSecond": -1], "bytesPerSecond"),
            (["bytesPerSecond": 5000, "path": "/dev/null"], "path"), (["linkUp": true], "linkUp"),
        ] as [(Message, String)] {
            let refusal = try machine.refusal("device.update", changes.merging(["id": "disk"]) { $1 })
            #expect(refusal["kind"] as? String == "invalidArgument")
            #expect(refusal["field"] as? String == "/\(field)")
        }
        #expect(try limits() == [nil, 7])
    }
}
