import Boot
import CLinux
import ControlGroups
import ControlMessages
import KVM
import Linux
import Machine
import MachineConfiguration
import TreeStream
import Worker

/// The one machine of a server, from its making to its end: what requests ask of it, and what is told about it.
final class MachineSession {
    /// The machine's name.
    static let id = "vm"
    /// How long a client that has gone may take to read the rest of the console's output.
    private static let flushGrace: UInt64 = 1_000_000_000
    /// So many requests can wait for the machine's end.
    private static let waiterLimit = 1024

    /// What is told to the client.
    struct Listener {
        let stateChanged: (VMStateChanged) -> Void
        let printed: (ConsoleText) -> Void
        let logged: (LogLine) -> Void
        let panicked: (GuestPanic) -> Void
        let exited: (VMEnding) -> Void
        let commands: GuestCommands.Listener
    }

    private let loop: EventLoop
    private let cache: KernelCache?
    private let listener: Listener
    private var lifecycle = Lifecycle()
    /// The machine, until its end.
    private var machine: Machine?
    private var console: MachineConsole?
    /// The guest's agent, and what it runs, where there is one.
    private var worker: Worker?
    private var commands: GuestCommands?
    private let copies: Completions<TreeSummary>
    private var watch: EndWatch?
    /// What this process has joined for the machine's limits, until nothing of the machine is left.
    private var groups: ControlGroups?
    /// Signalled when the machine's threads are gone.
    private let joined: SharedEventCounter
    private var ending: VMEnding?
    private var finalStatistics: VMStats.Result?
    private var toldReports = 0
    private var endingThread: NativeThread?
    private var threadsAreGone = false
    /// Whoever reads the console's output may not keep the machine from its end.
    private var flushIsLimited = false
    /// Called at the end with what the machine came to.
    private var waiters: [Int: (VMEnding) -> Void] = [:]
    private var lastWaiter = 0
    private let devices: DeviceChanges
    /// Told by the thread that pauses the machine whether it did.
    private let pauses: Completions<Bool>
    private var pausingThread: NativeThread?
    /// What may be done once the machine is not being paused any more, in this order.
    private var afterPausing: [() -> Void] = []

    /// - Parameter cache: where unpacked kernels are kept; nil to unpack on every start.
    init(on loop: EventLoop, cache: KernelCache?, _ listener: Listener) throws(SystemCallError) {
        self.loop = loop
        self.cache = cache
        self.listener = listener
        joined = try SharedEventCounter()
        devices = try DeviceChanges(on: loop)
        pauses = try Completions(on: loop)
        copies = try Completions(on: loop)
        try loop.watch(joined.counter.descriptor.rawValue, for: .readable) { [unowned self] _ in
            joined.counter.drain()
            endingThread.take()?.join()
            threadsAreGone = true
            // The guest will print no more.
            let finishConsole = { [unowned self] in console?.finish() ?? () }
            worker?.close()
            if let commands { commands.finish(finishConsole) } else { finishConsole() }
            if flushIsLimited { abandonOutputSoon() }
        }
    }

    /// Whether there is nothing that runs, or is still to be told.
    var isIdle: Bool { lifecycle.state == nil || lifecycle.state == .stopped }

    /// Whether the machine has been started.
    var hasBegun: Bool { lifecycle.state != nil && lifecycle.state != .created }

    // MARK: Requests

    func create(_ configuration: VMConfiguration) throws {
        try lifecycle.require(.create)
        // What is wrong with a limit is not for the kernel to say.
        try configuration.validate()
        let groups = try ControlGroups.join(for: configuration.limits)
        do {
            try make(configuration)
        } catch {
            groups.leave()
            throw error
        }
        self.groups = groups
        lifecycle.created()
    }

    private func make(_ configuration: VMConfiguration) throws {
        // On its own, so that the plan, which may hold an unpacked kernel, is gone when the machine is there.
        func makeMachine() throws -> Machine {
            try Machine(try System(), try MachinePlan(configuration, cache: cache))
        }
        let machine = try makeMachine()
        let console = try MachineConsole(
            of: machine, configuration.console, on: loop,
            .init(
                printed: listener.printed,
                failed: { [listener] in listener.logged(LogLine(level: .error, message: $0)) },
                ended: { [unowned self] in loop.defer { [unowned self] in stopped() } }))
        if configuration.agent != nil {
            worker = try Worker(machine, configuration, on: loop) { [unowned self] in commands?.agentChanged($0) }
            commands = GuestCommands(on: loop, listener.commands, completions: copies) {
                [unowned self] request, streams, report in
                try worker?.run(request, streams: streams, report: report)
            }
        }
        watch = try EndWatch(
            machine, on: loop, changed: { [unowned self] in tellReports() }, ended: { [unowned self] in beginEnding() })
        self.machine = machine
        self.console = console
        devices.begin(machine, configuration)
    }

    func start() throws -> StateResult {
        try lifecycle.require(.start)
        do {
            try console?.start()
            try machine?.start()
        } catch {
            machine?.end(.killed(.user))
            throw error
        }
        WorkingSet.releaseCode()
        return enter(.running, reason: "started")
    }

    /// Devices may be at something that takes its time, so other requests go on meanwhile.
    func pause(_ reply: Reply<StateResult>) throws {
        if isPausing { return afterPausing.append { [unowned self] in reply.answer { try pause(reply) } } }
        try lifecycle.require(.pause)
        guard let machine else { return }
        let done = pauses.expect { [unowned self] isPaused in
            pausingThread.take()?.join()
            if isPaused, !lifecycle.isEnding {
                reply.succeed(enter(.paused, reason: "paused"))
            } else {
                reply.fail(ControlError(.invalidState, "the machine came to its end before it was paused"))
            }
            let jobs = afterPausing
            afterPausing = []
            for job in jobs { job() }
        }
        pausingThread = try NativeThread(name: "pausing") { done(machine.pause()) }
    }

    func resume(_ reply: Reply<StateResult>) throws {
        if isPausing { return afterPausing.append { [unowned self] in reply.answer { try resume(reply) } } }
        try lifecycle.require(.resume)
        machine?.resume()
        reply.succeed(enter(.running, reason: "resumed"))
    }

    func stop(grace: Milliseconds, _ reply: Reply<StateResult>) throws {
        try awaitEnd(reply)
        limitFlushToOthers()
        powerOff(grace: grace)
    }

    func kill(_ reply: Reply<StateResult>) throws {
        try awaitEnd(reply)
        limitFlushToOthers()
        machine?.end(.killed(.user))
    }

    func wait(_ reply: Reply<VMEnding>) throws {
        try addWaiter(reply) { $0 }
    }

    func write(_ text: ConsoleText) throws {
        try lifecycle.require(.drive)
        try console?.write(text.bytes)
    }

    func describe() throws -> VMGet.Result {
        try lifecycle.require(.inspect)
        guard let state = lifecycle.state, let configuration = devices.configuration else {
            throw ControlError(.internal, "the machine has a state and no configuration")
        }
        return VMGet.Result(
            id: Self.id, state: state, config: configuration,
            devices: (machine?.deviceNames ?? []).map { VMGet.Device(id: $0) }, pid: getpid(), ending: ending)
    }

    func statistics() throws -> VMStats.Result {
        try lifecycle.require(.inspect)
        guard let statistics = finalStatistics ?? machine.map({ VMStats.Result($0) }) else {
            throw ControlError(.internal, "the machine has no statistics")
        }
        return statistics
    }

    /// What commands the guest runs.
    func changeCommands() throws -> GuestCommands {
        try lifecycle.require(.drive)
        guard let commands else {
            throw ControlError(
                .unsupported, "the guest has no agent to run commands", hint: #"make the machine with "agent":{}"#)
        }
        return commands
    }

    /// The devices, which can be changed only now.
    func changeDevices() throws -> DeviceChanges {
        try lifecycle.require(.drive)
        return devices
    }

    // MARK: The client

    /// Lets the client have no more output of the console for the time being.
    func holdBack(_ isHeldBack: Bool) {
        console?.holdBack(isHeldBack)
        commands?.holdBack(isHeldBack)
    }

    /// Brings the machine to its end, as there is nobody any more to drive it.
    ///
    /// - Parameter grace: how long the guest may take to power off; nil to kill it at once.
    func clientLeft(grace: Milliseconds?) {
        limitFlush()
        guard !lifecycle.isEnding else { return }
        if let grace {
            powerOff(grace: grace)
        } else {
            machine?.end(.killed(.user))
        }
    }

    // MARK: -

    private func enter(_ state: VMState, reason: String) -> StateResult {
        if let change = lifecycle.enter(state, reason: reason) { listener.stateChanged(change) }
        return StateResult(state: state)
    }

    private var isPausing: Bool {
        switch pausingThread {
        case .some: true
        case .none: false
        }
    }

    private func powerOff(grace: Milliseconds) {
        guard !lifecycle.isEnding, let machine else { return }
        guard lifecycle.state != .created else { return machine.end(.killed(.user)) }
        if commands?.isReady == true { worker?.powerOff() }
        watch?.powerOff(grace: grace.nanoseconds, killer: .user)
        if isPausing { afterPausing.append { [unowned self] in resumeToPowerOff() } } else { resumeToPowerOff() }
    }

    private func resumeToPowerOff() {
        guard !lifecycle.isEnding, lifecycle.state == .paused else { return }
        machine?.resume()
        _ = enter(.running, reason: "resumed to power off")
    }

    private func awaitEnd(_ reply: Reply<StateResult>) throws {
        try addWaiter(reply) { _ in StateResult(state: .stopped) }
    }

    /// Has the request answered once the machine has stopped.
    private func addWaiter<Result>(_ reply: Reply<Result>, _ result: @escaping (VMEnding) -> Result) throws {
        try lifecycle.require(.end)
        if let ending { return reply.succeed(result(ending)) }
        guard waiters.count < Self.waiterLimit else {
            throw ControlError(.resource, "\(Self.waiterLimit) requests wait for the machine's end already")
        }
        lastWaiter += 1
        waiters[lastWaiter] = { reply.succeed(result($0)) }
        reply.whenGivenUp { [weak self, waiter = lastWaiter] in self?.waiters[waiter] = nil }
    }

    private func tellReports() {
        guard let reports = machine?.events.reports else { return }
        for report in reports[toldReports...] { listener.logged(LogLine(level: .warning, message: report)) }
        toldReports = reports.count
    }

    /// The machine has its outcome, and its threads are on their way out.
    private func beginEnding() {
        lifecycle.beginEnding()
        guard let machine else { return }
        do {
            // Devices may be at something that takes its time.
            endingThread = try NativeThread(name: "ending") { [machine, joined] in
                machine.join()
                joined.counter.signal()
            }
        } catch {
            machine.join()
            joined.counter.signal()
        }
    }

    /// The client itself reads the output before the answer that it waits for; somebody else may not read at all.
    private func limitFlushToOthers() {
        if console?.isForClient == false { limitFlush() }
    }

    private func limitFlush() {
        guard !flushIsLimited else { return }
        flushIsLimited = true
        if threadsAreGone { abandonOutputSoon() }
    }

    private func abandonOutputSoon() {
        loop.schedule(after: Self.flushGrace) { [weak self] in
            guard let self, let console else { return }
            listener.logged(
                LogLine(level: .warning, message: "the end of the console's output was not read, and is lost"))
            commands?.abandon()
            console.abandon()
        }
    }

    /// All that the guest printed has been told.
    private func stopped() {
        endMachine()
        groups.take()?.leave()
    }

    private func endMachine() {
        guard let machine, let outcome = machine.outcome else { return }
        pauses.deliver()
        let ending = VMEnding(outcome)
        tellReports()
        if ending.cause == .panicked { listener.panicked(GuestPanic(text: ending.message ?? "")) }
        _ = enter(.stopped, reason: ending.cause.rawValue)
        listener.exited(ending)
        self.ending = ending
        for (_, answer) in waiters.sorted(by: { $0.key < $1.key }) { answer(ending) }
        waiters = [:]
        devices.end()

        finalStatistics = VMStats.Result(machine)
        console = nil
        commands = nil
        worker = nil
        watch = nil
        self.machine = nil
    }
}
