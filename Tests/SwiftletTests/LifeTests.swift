import Foundation
import ProcessTable
import Swiftlet
import TemporaryFiles
import Testing

/// A machine's life as programs see it.
@Suite(.enabled(if: Payload.canRun, Payload.cannotRun))
struct LifeTests {
    @Test func aMachineFromItsStartToItsEnd() async throws {
        let vm = try await MicroVM.start(try Payload.configuration("echo"))
        #expect(ProcessTable.isRunning(vm.pid))
        let greeting = try await vm.console.read(through: "full stop\n")
        #expect(String(decoding: greeting, as: UTF8.self) == "echoing in upper case up to a full stop\n")
        try await vm.write("héllo, \u{1F600}\n")
        try await vm.console.read(through: "HéLLO, \u{1F600}\n")

        try await vm.pause()
        #expect(try await vm.get().state == .paused)
        await #expect(throws: ControlError.self) { try await vm.pause() }
        try await vm.resume()

        async let ending = vm.wait()
        async let secondEnding = vm.wait()
        try await vm.write([0x2E])
        #expect(try await ending.cause == .poweredOff)
        #expect(try await secondEnding.code == 7)
        #expect(!ProcessTable.isRunning(vm.pid))
        #expect(!ProcessTable.children.contains(vm.pid), "it was not waited for")

        var events: [MicroVM.Event] = []
        for await event in vm.events { events.append(event) }
        let states = events.compactMap { event in
            if case .stateChanged(let change) = event { change.to } else { nil }
        }
        #expect(states == [.running, .paused, .running, .stopped])
        #expect(events.last == .exited(try await vm.wait()))
    }

    @Test func whatAMachineWasCanBeAskedAfterItsEnd() async throws {
        var configuration = try Payload.configuration("hello")
        configuration.cpus = 2
        let vm = try await MicroVM.start(configuration)
        let ending = try await vm.wait()
        let description = try await vm.get()
        #expect(description.state == .stopped)
        #expect(description.ending == ending)
        #expect(description.config == configuration)
        let statistics = try await vm.stats()
        #expect(statistics.vcpus.count == 2)
        #expect(statistics.vcpus[0].exits["serialWrite"] ?? 0 > 0)
        #expect(try await vm.kill() == ending)
        #expect(try await vm.stop() == ending)

        for request in [{ try await vm.pause() }, { try await vm.write("x") }, { try await vm.update(disk: "x") }] {
            let error = await #expect(throws: ControlError.self) { try await request() }
            #expect(error?.kind == .invalidState)
        }
    }

    @Test func itRunsToItsEndByItself() async throws {
        let completion = try await MicroVM.run(try Payload.configuration("hello"))
        #expect(completion.output == "hello from a bare-metal guest\n")
        #expect(completion.ending.cause == .poweredOff)
        #expect(completion.ending.code == 0)
        let panic = try await MicroVM.run(try Payload.configuration("console-panic"))
        #expect(panic.ending.cause == .panicked)
        #expect(panic.ending.message == "test")
    }

    @Test func aPanicIsAnEvent() async throws {
        let vm = try await MicroVM.start(try Payload.configuration("console-panic"))
        var panics: [String] = []
        for await event in vm.events {
            if case .panicked(let panic) = event { panics.append(panic.text) }
        }
        #expect(panics == ["test"])
    }

    /// The guest does not react to its power button.
    @Test func stoppingHasAGrace() async throws {
        let vm = try await MicroVM.start(try Payload.configuration("halt"))
        let begin = ContinuousClock.now
        let ending = try await vm.stop(grace: .milliseconds(300))
        #expect(.milliseconds(300)...(.seconds(60)) ~= ContinuousClock.now - begin)
        #expect(ending.cause == .killed)
        #expect(!ProcessTable.isRunning(vm.pid))
    }

    @Test func aMachineCanBeKilledWhileItIsStopped() async throws {
        let vm = try await MicroVM.start(try Payload.configuration("halt"))
        let begin = ContinuousClock.now
        async let stopped = vm.stop(grace: .seconds(60))
        try await Task.sleep(for: .milliseconds(100))
        #expect(try await vm.kill().cause == .killed)
        #expect(try await stopped.cause == .killed)
        #expect(ContinuousClock.now - begin < .seconds(50))
    }

    @Test func devicesAreChangedWhileTheGuestRuns() async throws {
        let image = try TemporaryFile(zeros: 1 << 20)
        let other = try TemporaryFile(zeros: 1 << 19)
        var configuration = try Payload.configuration("halt")
        configuration.disks = [.init(id: "data", path: image.path)]
        configuration.balloon = .init()
        try await withMicroVM(configuration) { vm in
            try await vm.update(disk: "data")
            try await vm.update(disk: "data", path: other.path)
            #expect(try await vm.get().config.disks.first?.path == other.path)
            try await vm.update(balloonSize: ByteSize(bytes: 8 << 20))
            let error = await #expect(throws: ControlError.self) { try await vm.update(net: "none", linkUp: true) }
            #expect(error?.kind == .notFound)
            #expect(error?.description.contains("vm.get lists its devices") == true)
        }
    }

    @Test func devicesComeAndGo() async throws {
        let image = try TemporaryFile(zeros: 1 << 20)
        var configuration = try Payload.configuration("hot-plug")
        configuration.transport = .pci
        try await withMicroVM(configuration) { vm in
            try await vm.console.read(through: "watching the slots\n")
            try await vm.attach(VMConfiguration.Disk(id: "data", path: image.path))
            try await vm.console.read(through: "a disk of 2048 sectors in slot 1\n")
            try await vm.update(disk: "data", operationsPerSecond: 500)
            #expect(try await vm.get().config.disks.first?.operationsPerSecond == 500)
            try await vm.detach("data", timeout: .seconds(60))
            #expect(try await vm.get().config.disks.isEmpty)

            var net = VMConfiguration.Net(id: "net")
            net.fd = 0
            let card = net
            let error = await #expect(throws: ControlError.self) { try await vm.attach(card) }
            #expect(error?.field == "/net/fd")
        }
        configuration.kernel.append = "late"
        configuration.disks = [.init(id: "data", path: image.path)]
        try await withMicroVM(configuration) { vm in
            try await vm.console.read(through: "watching the slots\n")
            let error = await #expect(throws: ControlError.self) {
                try await vm.detach("data", timeout: .milliseconds(300))
            }
            #expect(error?.kind == .timeout)
            #expect(try await vm.get().config.disks.count == 1)
        }
    }

    @Test func whatSwiftletRefusesIsItsOwnError() async throws {
        var configuration = try Payload.configuration("hello")
        configuration.kernel.path = "/nonexistent"
        let error = await #expect(throws: ControlError.self) { _ = try await MicroVM.start(configuration) }
        #expect(error?.kind == .notFound)
        #expect(error?.field == "/config/kernel/path")
    }

    /// A card's descriptor has another number in the machine's process.
    @Test func descriptorsAreHandedOver() async throws {
        var configuration = try Payload.configuration("hello")
        let file = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(file) }
        configuration.nets = [.init(id: "net")]
        configuration.nets[0].fd = file
        let error = await #expect(throws: ControlError.self) { _ = try await MicroVM.start(configuration) }
        // It was looked at, and is no tap.
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains("tap") == true, "\(error?.message ?? "")")
        #expect(fcntl(file, F_GETFD) != -1)
    }

    @Test func theConsoleCanGoElsewhere() async throws {
        var configuration = try Payload.configuration("hello")
        let file = try TemporaryFile(zeros: 0)
        configuration.console.output = .file(path: file.path)
        let completion = try await MicroVM.run(configuration)
        #expect(completion.console == [])
        #expect(try String(contentsOfFile: file.path, encoding: .utf8) == "hello from a bare-metal guest\n")
    }

    @Test func manyMachinesAtOnce() async throws {
        let configuration = try Payload.configuration("hello")
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<24 { group.addTask { try await MicroVM.run(configuration).output } }
            for try await output in group { #expect(output == "hello from a bare-metal guest\n") }
        }
    }
}
