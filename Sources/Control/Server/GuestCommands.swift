import Agent
import ControlMessages
import Glibc
import Linux
import SystemPackage
import TreeStream
import Worker

/// Has a command run in the guest, as `Worker.run` does; nil when the agent has gone.
public typealias CommandRunner = (
    CommandRequest, CommandStreams, @escaping (GuestCommand.Event) -> Void
) throws -> GuestCommand?

/// The commands that a client runs in a guest with an agent.
final class GuestCommands {
    /// How long commands may take to end that nobody can hear any more.
    private static let hangUpGrace: UInt64 = 2_000_000_000

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
    private let run: CommandRunner
    /// Whether commands can run.
    private(set) var isReady = false
    private var failure: ControlError?
    private var toStart: [() -> Void] = []
    private let completions: Completions<TreeSummary>
    private var copies: [Int: GuestCopy] = [:]
    private var lastCopy = 0
    private var lastID: UInt32 = 0
    private var running: [UInt32: GuestExec] = [:]
    private var ends: [UInt32: CommandEnd] = [:]
    private var endOrder: [UInt32] = []
    private var waiters: [UInt32: [Reply<CommandEnd>]] = [:]
    private var waiterCount = 0
    private var clientIsBehind = false
    private var becameIdle: (() -> Void)?

    /// - Parameter completions: stay as long as the loop.
    init(
        on loop: EventLoop, _ listener: Listener, completions: Completions<TreeSummary>, run: @escaping CommandRunner
    ) {
        self.loop = loop
        self.completions = completions
        self.listener = listener
        self.run = run
    }

    /// To be told of the agent; until then, commands wait for it.
    func agentChanged(_ event: Worker.Event) {
        switch event {
        case .ready: isReady = true
        case .failed(let error): failure = ControlError(.guest, "\(error)")
        }
        startWaiting()
    }

    private func startWaiting() {
        let jobs = toStart
        toStart = []
        for job in jobs { job() }
    }

    // MARK: Requests

    func start(_ params: ExecStart.Params, _ reply: Reply<ExecStart.Result>) throws {
        guard try mayBegin({ [unowned self] in reply.answer { try start(params, reply) } }) else { return }
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
        let command = try run(request, exec.streams) { [unowned self, unowned exec] event in
            switch event {
            case .started:
                exec.started()
                reply.succeed(ExecStart.Result(id: id))
            case .over(let ending): over(id, exec, ending, reply)
            case .exited, .inputFailed, .outputFailed: break
            }
        }
        guard let command else { throw ControlError(.guest, "the guest's agent has gone") }
        exec.command = command
        running[id] = exec
    }

    /// - Parameter job: done when the guest has booted, where it has not.
    /// - Returns: whether it has.
    private func mayBegin(_ job: @escaping () -> Void) throws(ControlError) -> Bool {
        if let failure { throw failure }
        if isReady { return true }
        guard toStart.count < Self.waiterLimit else {
            throw ControlError(.resource, "\(Self.waiterLimit) requests wait for the guest already")
        }
        toStart.append(job)
        return false
    }

    func copyIn(_ params: FSCopyIn.Params, _ reply: Reply<CopyResult>) throws {
        guard try mayBegin({ [unowned self] in reply.answer { try copyIn(params, reply) } }) else { return }
        var request = CommandRequest([params.target])
        request.copy = .receive
        (request.uid, request.gid) = (params.uid, params.gid)
        try copy(.into, host: params.source, guest: params.target, request, reply)
    }

    func copyOut(_ params: FSCopyOut.Params, _ reply: Reply<CopyResult>) throws {
        guard try mayBegin({ [unowned self] in reply.answer { try copyOut(params, reply) } }) else { return }
        var request = CommandRequest([params.source])
        request.copy = .send
        try copy(.out, host: params.target, guest: params.source, request, reply)
    }

    private func copy(
        _ direction: GuestCopy.Direction, host path: String, guest guestPath: String, _ request: CommandRequest,
        _ reply: Reply<CopyResult>
    ) throws {
        lastCopy += 1
        let copy = try GuestCopy(direction, host: path, guest: guestPath, on: loop, completions, reply) {
            [weak self, lastCopy] in
            // What reports cannot go while it does.
            self?.loop.defer { [weak self] in
                self?.copies[lastCopy] = nil
                self?.tellIfIdle()
            }
        }
        copies[lastCopy] = copy
        do {
            copy.command = try run(request, copy.streams) { [unowned copy] event in
                if case .over(let ending) = event { copy.ended(ending) }
            }
            if copy.command == nil { copy.ended(.unknown(.closed)) }
        } catch {
            copy.ended(.unknown(.closed))
            throw error
        }
    }

    func write(_ params: ExecWrite.Params, _ reply: Reply<ExecWrite.Result>) throws {
        let exec = try find(params.id)
        if params.wait {
            try exec.write(params.text.bytes) { reply.succeed(NoFields()) }
        } else {
            try exec.write(params.text.bytes, taken: nil)
            reply.succeed(NoFields())
        }
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
        tellIfIdle()
    }

    private var isIdle: Bool { running.isEmpty && copies.isEmpty }

    private func tellIfIdle() {
        if isIdle { becameIdle.take()?() }
    }

    /// To be called when the machine has come to its end, and the agent has been let go.
    ///
    /// - Parameter done: called once all output has been told.
    func finish(_ done: @escaping () -> Void) {
        if failure == nil { failure = ControlError(.invalidState, "the machine has come to its end") }
        for exec in running.values { exec.dropWindow() }
        startWaiting()
        if isIdle { return done() }
        becameIdle = done
    }

    /// Does not wait for the client any more.
    func abandon() {
        for exec in running.values { exec.abandon() }
    }

    /// Brings all commands to their end, as there is nobody any more who could.
    ///
    /// - Parameter done: called once they have ended, or had the time to.
    func hangUp(_ done: @escaping () -> Void) {
        toStart = []
        abandon()
        if isIdle { return done() }
        becameIdle = done
        for exec in running.values { exec.command?.signal(SIGHUP) }
        for copy in copies.values { copy.giveUp() }
        loop.schedule(after: Self.hangUpGrace) { [weak self] in
            for exec in (self?.running ?? [:]).values {
                exec.command?.signal(SIGKILL)
                exec.command?.abandon()
            }
        }
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
