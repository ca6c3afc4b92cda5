import Agent
import ControlMessages
import Linux
import Machine
import MachineConfiguration
import SystemPackage
import Worker

/// The commands that a client runs in a guest with an agent.
final class GuestCommands {
    /// So many requests can wait for a guest to have booted, and for commands to end.
    private static let waiterLimit = 1024
    /// So many commands that have ended are remembered.
    private static let endLimit = 1024

    struct Listener {
        let wrote: (ExecOutput) -> Void
        let exited: (ExecExited) -> Void
    }

    private let loop: EventLoop
    private let listener: Listener
    private var worker: Worker?
    private var isReady = false
    private var failure: ControlError?
    private var toStart: [() -> Void] = []
    private var lastID: UInt32 = 0
    private var running: [UInt32: GuestExec] = [:]
    private var ends: [UInt32: CommandEnd] = [:]
    private var endOrder: [UInt32] = []
    private var waiters: [UInt32: [Reply<CommandEnd>]] = [:]
    private var waiterCount = 0
    private var clientIsBehind = false
    private var becameIdle: (() -> Void)?

    /// - Parameter configuration: the machine's, with an agent.
    init(
        of machine: Machine, _ configuration: VMConfiguration, on loop: EventLoop, _ listener: Listener
    ) throws(SystemCallError) {
        self.loop = loop
        self.listener = listener
        worker = try Worker(machine, configuration, on: loop) { [unowned self] event in
            switch event {
            case .ready: isReady = true
            case .failed(let error): failure = ControlError(.guest, "\(error)")
            }
            let jobs = toStart
            toStart = []
            for job in jobs { job() }
        }
    }

    // MARK: Requests

    func start(_ params: ExecStart.Params, _ reply: Reply<ExecStart.Result>) throws {
        if let failure { throw failure }
        guard isReady else {
            guard toStart.count < Self.waiterLimit else {
                throw ControlError(.resource, "\(Self.waiterLimit) commands wait for the guest already")
            }
            return toStart.append { [unowned self] in reply.answer { try start(params, reply) } }
        }
        var request = CommandRequest(params.command)
        request.environment = params.environment.map { Array("\($0.key)=\($0.value)".utf8) }
        request.directory = Array((params.directory ?? "").utf8)
        (request.uid, request.gid) = (params.uid, params.gid)
        request.terminal = params.terminal.map { .init(rows: $0.rows, columns: $0.columns) }

        lastID &+= 1
        let id = lastID
        let exec = try GuestExec(
            params, on: loop,
            deliver: { [unowned self] in listener.wrote(ExecOutput(id: id, stream: $0, text: $1)) },
            ended: { [unowned self] in ended(id, $0) })
        exec.holdBack(clientIsBehind)
        let command = try worker?.run(request, streams: exec.streams) { [unowned self, unowned exec] event in
            switch event {
            case .started:
                exec.started()
                reply.succeed(ExecStart.Result(id: id))
            case .over(let ending): over(id, exec, ending, reply)
            case .exited, .outputFailed: break
            }
        }
        guard let command else { throw ControlError(.guest, "the guest's agent has gone") }
        exec.command = command
        running[id] = exec
    }

    func write(_ params: ExecWrite.Params) throws {
        try find(params.id).write(params.text.bytes)
    }

    func closeInput(_ id: UInt32) throws {
        try find(id).closeInput()
    }

    func signal(_ params: ExecSignal.Params) throws {
        try find(params.id).command?.signal(params.signal)
    }

    func resize(_ params: ExecResize.Params) throws {
        try find(params.id).command?.resize(.init(rows: params.rows, columns: params.columns))
    }

    func acknowledge(_ params: ExecAck.Params) throws {
        if ends[params.id] == nil { try find(params.id).acknowledge(params.bytes) }
    }

    func wait(_ id: UInt32, _ reply: Reply<CommandEnd>) throws {
        if let end = ends[id] { return reply.succeed(end) }
        _ = try find(id)
        guard waiterCount < Self.waiterLimit else {
            throw ControlError(.resource, "\(Self.waiterLimit) requests wait for commands to end already")
        }
        waiterCount += 1
        waiters[id, default: []].append(reply)
        reply.whenGivenUp { [weak self, unowned reply] in
            guard let self, let index = waiters[id]?.firstIndex(where: { $0 === reply }) else { return }
            waiters[id]?.remove(at: index)
            waiterCount -= 1
        }
    }

    private func find(_ id: UInt32) throws(ControlError) -> GuestExec {
        if let exec = running[id], exec.hasStarted { return exec }
        if ends[id] != nil { throw ControlError(.invalidState, "the command \(id) has ended", field: "/id") }
        throw ControlError(.notFound, "there is no command \(id)", field: "/id", hint: "exec.start tells its id")
    }

    /// Lets the client have no more output for the time being.
    func holdBack(_ isBehind: Bool) {
        clientIsBehind = isBehind
        for exec in running.values { exec.holdBack(isBehind) }
    }

    // MARK: Ends

    private func over(_ id: UInt32, _ exec: GuestExec, _ ending: CommandEnding, _ reply: Reply<ExecStart.Result>) {
        if exec.hasStarted, let end = CommandEnd(ending) { return exec.finish(end) }
        switch ending {
        case .notStarted(let step, let errno): reply.fail(ControlError(step, errno: errno))
        case .unknown(.refused(_, let reason)) where reason == AgentProtocol.tooManyCommands:
            reply.fail(
                ControlError(.resource, "the guest runs as many commands as it can", hint: "wait for one to end"))
        case .unknown(let error): reply.fail(ControlError(.guest, "\(error)"))
        case .ended: reply.fail(ControlError(.internal, "a command ended that never began"))
        }
        exec.abandon()
        // What reports cannot go while it does.
        loop.defer { [weak self] in self?.forget(id) }
    }

    private func ended(_ id: UInt32, _ end: CommandEnd) {
        guard running[id]?.hasStarted == true else { return }
        listener.exited(ExecExited(id: id, end: end))
        ends[id] = end
        endOrder.append(id)
        if endOrder.count > Self.endLimit { ends[endOrder.removeFirst()] = nil }
        let replies = waiters.removeValue(forKey: id) ?? []
        waiterCount -= replies.count
        for reply in replies { reply.succeed(end) }
        loop.defer { [weak self] in self?.forget(id) }
    }

    private func forget(_ id: UInt32) {
        running[id] = nil
        if running.isEmpty { becameIdle.take()?() }
    }

    /// Has the guest write everything to its disks and shares, and power off.
    func powerOff() {
        if isReady { worker?.powerOff() }
    }

    /// To be called when the machine has come to its end.
    ///
    /// - Parameter done: called once all output has been told.
    func finish(_ done: @escaping () -> Void) {
        if failure == nil { failure = ControlError(.invalidState, "the machine has come to its end") }
        worker?.close()
        for exec in running.values { exec.dropWindow() }
        let jobs = toStart
        toStart = []
        for job in jobs { job() }
        if running.isEmpty { return done() }
        becameIdle = done
    }

    /// Does not wait for the client any more.
    func abandon() {
        for exec in running.values { exec.abandon() }
    }
}

extension ControlError {
    /// Why a command was not started.
    fileprivate init(_ step: RequestStep?, errno: Int32) {
        let reason = Errno(rawValue: errno)
        switch (step, reason) {
        case (.execution, .noSuchFileOrDirectory):
            self.init(.notFound, "the program is not in the guest", field: "/command", errno: errno)
        case (.execution, .permissionDenied):
            self.init(.permission, "the program cannot be executed: \(reason)", field: "/command", errno: errno)
        case (.execution, _):
            self.init(.guest, "the program cannot be executed: \(reason)", field: "/command", errno: errno)
        case (.directory, _):
            self.init(.guest, "the working directory cannot be entered: \(reason)", field: "/directory", errno: errno)
        case (.user, _): self.init(.guest, "the user cannot run it: \(reason)", field: "/uid", errno: errno)
        default: self.init(.guest, "the guest cannot start it: \(reason)", errno: errno)
        }
    }
}
