import Boot
import CLinux
import ControlMessages
import KVM
import Linux
import Machine
import MachineConfiguration
import Storage

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
    }

    private let loop: EventLoop
    private let cache: KernelCache?
    private let listener: Listener
    private var lifecycle = Lifecycle()
    private var configuration: VMConfiguration?
    /// The machine, until its end.
    private var machine: Machine?
    private var console: MachineConsole?
    private var watch: EndWatch?
    /// Signalled when the machine's threads are gone.
    private let joined: SharedEventCounter
    private var ending: VMEnding?
    private var finalStatistics: VMStats.Result?
    private var toldReports = 0
    private var endingThread: NativeThread?
    private var threadsAreGone = false
    private var clientIsGone = false
    /// Called at the end with what the machine came to.
    private var waiters: [Int: (VMEnding) -> Void] = [:]
    private var lastWaiter = 0
    /// Changes of devices that are being made.
    private let updates: Completions<RawImageError?>

    /// - Parameter cache: where unpacked kernels are kept; nil to unpack on every start.
    init(on loop: EventLoop, cache: KernelCache?, _ listener: Listener) throws(SystemCallError) {
        self.loop = loop
        self.cache = cache
        self.listener = listener
        joined = try SharedEventCounter()
        updates = try Completions(on: loop)
        try loop.watch(joined.counter.descriptor.rawValue, for: .readable) { [unowned self] _ in
            joined.counter.drain()
            endingThread.take()?.join()
            threadsAreGone = true
            // The guest will print no more.
            console?.finish()
            if clientIsGone { abandonOutputSoon() }
        }
    }

    /// Whether there is nothing that runs, or is still to be told.
    var isIdle: Bool { lifecycle.state == nil || lifecycle.state == .stopped }

    // MARK: Requests

    func create(_ configuration: VMConfiguration) throws {
        try lifecycle.require(.create)
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
        watch = try EndWatch(
            machine, on: loop, changed: { [unowned self] in tellReports() }, ended: { [unowned self] in beginEnding() })
        self.machine = machine
        self.console = console
        self.configuration = configuration
        lifecycle.created()
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

    func pause() throws -> StateResult {
        try lifecycle.require(.pause)
        machine?.pause()
        return enter(.paused, reason: "paused")
    }

    func resume() throws -> StateResult {
        try lifecycle.require(.resume)
        machine?.resume()
        return enter(.running, reason: "resumed")
    }

    func stop(grace: Milliseconds, _ reply: Reply<StateResult>) throws {
        try awaitEnd(reply)
        powerOff(grace: grace)
    }

    func kill(_ reply: Reply<StateResult>) throws {
        try awaitEnd(reply)
        machine?.end(.killed(.user))
    }

    func wait(timeout: Milliseconds?, _ reply: Reply<VMEnding>) throws {
        let waiter = try addWaiter { reply.succeed($0) }
        guard let waiter, let timeout else { return }
        loop.schedule(after: timeout.nanoseconds) { [weak self] in
            guard self?.waiters.removeValue(forKey: waiter) != nil else { return }
            reply.fail(ControlError(.timeout, "the machine still runs after \(timeout.count) ms"))
        }
    }

    func write(_ text: ConsoleText) throws {
        try lifecycle.require(.drive)
        try console?.write(text.bytes)
    }

    func describe() throws -> VMGet.Result {
        try lifecycle.require(.inspect)
        guard let state = lifecycle.state, let configuration else {
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

    func update(_ change: DeviceUpdate.Params, _ reply: Reply<NoFields>) throws {
        try lifecycle.require(.drive)
        guard updates.count < Self.waiterLimit else {
            throw ControlError(.resource, "\(Self.waiterLimit) changes of devices wait to be made already")
        }
        if let disk = machine?.disks.first(where: { $0.id == change.id }) {
            try change.require(only: ["path"], of: "disk '\(disk.id)'")
            let done = updates.expect { [unowned self] error in
                if let error { return reply.fail(ControlError(error)) }
                if let path = change.path, let index = configuration?.disks.firstIndex(where: { $0.id == disk.id }) {
                    configuration?.disks[index].path = path
                }
                reply.succeed(NoFields())
            }
            if let path = change.path { disk.replaceImage(path: path, done) } else { disk.resize(done) }
        } else if let net = machine?.nets.first(where: { $0.id == change.id }) {
            try change.require(only: ["linkUp"], of: "network card '\(net.id)'")
            guard let isUp = change.linkUp else {
                throw ControlError(.invalidArgument, "'linkUp' is missing", field: "linkUp", hint: "true or false")
            }
            net.setLink(up: isUp)
            reply.succeed(NoFields())
        } else if let balloon = machine?.balloon, change.id == Balloon.id {
            try change.require(only: ["size"], of: "the balloon")
            guard let size = change.size, size.bytes <= machine?.memorySize ?? 0 else {
                throw ControlError(
                    .invalidArgument, change.size == nil ? "'size' is missing" : "it is more than the machine's memory",
                    field: "size", hint: "how much the guest is to give back, such as 256M")
            }
            balloon.setTarget(size)
            reply.succeed(NoFields())
        } else if machine?.deviceNames.contains(change.id) == true {
            throw ControlError(.unsupported, "device '\(change.id)' has nothing that can be changed", field: "id")
        } else {
            throw ControlError(
                .notFound, "the machine has no device '\(change.id)'", field: "id", hint: "vm.get lists its devices")
        }
    }

    // MARK: The client

    /// Lets the client have no more output of the console for the time being.
    func holdBack(_ isHeldBack: Bool) {
        console?.holdBack(isHeldBack)
    }

    /// Brings the machine to its end, as there is nobody any more to drive it.
    ///
    /// - Parameter grace: how long the guest may take to power off; nil to kill it at once.
    func clientLeft(grace: Milliseconds?) {
        clientIsGone = true
        if lifecycle.isEnding {
            if threadsAreGone { abandonOutputSoon() }
        } else if let grace {
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

    private func powerOff(grace: Milliseconds) {
        guard !lifecycle.isEnding, let machine else { return }
        guard lifecycle.state != .created else { return machine.end(.killed(.user)) }
        if lifecycle.state == .paused {
            machine.resume()
            _ = enter(.running, reason: "resumed to power off")
        }
        watch?.powerOff(grace: grace.nanoseconds, killer: .user)
    }

    private func awaitEnd(_ reply: Reply<StateResult>) throws {
        _ = try addWaiter { _ in reply.succeed(StateResult(state: .stopped)) }
    }

    /// - Returns: nil when `answer` was called at once.
    private func addWaiter(_ answer: @escaping (VMEnding) -> Void) throws -> Int? {
        try lifecycle.require(.end)
        if let ending {
            answer(ending)
            return nil
        }
        guard waiters.count < Self.waiterLimit else {
            throw ControlError(.resource, "\(Self.waiterLimit) requests wait for the machine's end already")
        }
        lastWaiter += 1
        waiters[lastWaiter] = answer
        return lastWaiter
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

    private func abandonOutputSoon() {
        loop.schedule(after: Self.flushGrace) { [weak self] in self?.console?.abandon() }
    }

    /// All that the guest printed has been told.
    private func stopped() {
        guard let machine, let outcome = machine.outcome else { return }
        let ending = VMEnding(outcome)
        tellReports()
        if ending.cause == .panicked { listener.panicked(GuestPanic(text: ending.message ?? "")) }
        _ = enter(.stopped, reason: ending.cause.rawValue)
        listener.exited(ending)
        self.ending = ending
        for (_, answer) in waiters.sorted(by: { $0.key < $1.key }) { answer(ending) }
        waiters = [:]
        updates.cancel()

        finalStatistics = VMStats.Result(machine)
        console = nil
        watch = nil
        self.machine = nil
    }
}
