import CLinux
import ControlMessages
import FoundationEssentials
import Glibc
import Linux

/// A `swiftlet serve`, from its start until nothing is left of it. It belongs to the thread of its loop, which it shares
/// with all others; tasks learn of it through what is shared.
final class ServerProcess {
    /// What tasks wait for.
    struct Status: Sendable {
        var hello: Hello?
        /// How the machine ended, or why that is not known; set once the process is gone.
        var ending: Result<VMEnding, MicroVMError>?
        /// What the machine was and had done at its end.
        var lastDescription: VMGet.Result?
        var lastStatistics: VMStats.Result?
    }

    /// What the process has in common with the tasks that use it.
    struct Shared: Sendable {
        let status = AsyncConditionLock(Status())
        let console: ConsoleBuffer
        let events = EventFeed()
    }

    typealias Answer<Value> = (Result<Value, any Error>) -> Void

    /// How long the process may take to end after it was told to.
    private static let endLimit: UInt64 = 5_000_000_000

    let pid: pid_t
    private let program: ServerProgram
    private let loop: EventLoop
    private let shared: Shared
    private var child: ChildProcess?
    /// Nil once the process has ended.
    private var descriptor: ProcessDescriptor?
    private var watch: EventLoop.Watch?
    private let channel: LineChannel
    private let console: ConsolePipe
    private let encoder = JSONEncoder()
    private let decoder = JSONDecoder()
    private var lastID: Int64 = 0
    /// By the request's id, what is to be told of its answer: the line that it is in.
    private var calls: [Int64: (Result<Data, any Error>) -> Void] = [:]
    /// By what the server calls them, those that run.
    var commands: [UInt32: CommandBuffer] = [:]
    private var timers: [TimerQueue.ID] = []
    /// As the server told it.
    private var ending: VMEnding?
    private var failure: MicroVMError?
    /// Nobody has more to ask of the server.
    private var isClosing = false
    /// The machine was killed from here.
    private var wasKilled = false
    /// Itself, as long as the process is there: whoever started it may be gone.
    private var keeper: ServerProcess?

    /// Starts the program.
    ///
    /// - Parameter descriptors: become the program's from `ServerPipes.consoleNumber` + 1 on.
    init(program: ServerProgram, descriptors: [CInt], shared: Shared, on loop: EventLoop) throws {
        self.program = program
        self.loop = loop
        self.shared = shared
        if let key = CodingUserInfoKey.toleratesUnknownFields { decoder.userInfo[key] = true }
        let pipes = try ServerPipes()
        let child = try Self.start(program, pipes, descriptors)
        pid = child.pid
        let descriptor = try ProcessDescriptor(child.pid)
        let rawDescriptor = descriptor.descriptor.rawValue
        self.descriptor = consume descriptor
        self.child = consume child
        channel = try LineChannel(pipes.socket, on: loop)
        console = try ConsolePipe(pipes.console, to: shared.console, on: loop)
        channel.received = { [unowned self] line in received(line) }
        channel.closed = { [unowned self] in killSoon() }
        watch = try loop.watch(rawDescriptor, for: .readable) { [unowned self] _ in processHasEnded() }
        keeper = self
        after(program.helloLimit) { process in
            if process.shared.status.peek({ $0.hello }) == nil { process.fail(.silent(path: process.program.path)) }
        }
    }

    private static func start(
        _ program: ServerProgram, _ pipes: borrowing ServerPipes, _ descriptors: [CInt]
    ) throws(MicroVMError) -> ChildProcess {
        do throws(SystemCallError) {
            let nothing = try OwnedDescriptor.open("/dev/null", O_RDWR)
            let errors = fcntl(STDERR_FILENO, F_GETFD) == -1 ? nothing.rawValue : STDERR_FILENO
            let socket = pipes.programSocket.rawValue
            return try ChildProcess(
                [program.path, "serve", "--client", "\(getpid())"],
                descriptors: [socket, socket, errors, pipes.programConsole.rawValue] + descriptors,
                from: Int(STDIN_FILENO), environment: .inherited)
        } catch {
            throw .programFailed(path: program.path, reason: "\(error)")
        }
    }

    // MARK: Requests

    /// Sends a request. What cannot be asked any more is answered at once.
    ///
    /// - Returns: the request's id; nil when it was not sent.
    @discardableResult
    func send<Method: ControlMethod>(
        _ method: Method.Type, _ params: Method.Params, _ answer: @escaping Answer<Method.Result>
    ) -> Int64? {
        guard !isClosing else {
            answer(.failure(ControlError(.invalidState, "the machine has come to its end", hint: "start another one")))
            return nil
        }
        lastID += 1
        let request: Data
        do {
            request = try encoder.encode(Request(id: .number(lastID), method: Method.name, params: params))
        } catch {
            answer(.failure(error))
            return nil
        }
        calls[lastID] = { [decoder, program] reply in
            answer(
                reply.flatMap { line in
                    Result { try decoder.decode(Response<Method.Result>.self, from: line).result }
                        .mapError { MicroVMError.notUnderstood(path: program.path, reason: "\($0)") }
                })
        }
        channel.send(request)
        return lastID
    }

    /// Has the server give up a request that may not have been answered.
    func giveUp(_ id: Int64) {
        send(Cancel.self, Cancel.Params(id: .number(id))) { _ in }
    }

    /// Takes more of the console's output, which had no room.
    func resumeConsole() {
        console.resume()
    }

    // MARK: Its end

    /// Presses the guest's power button, and kills the machine when it still runs after the grace.
    func stop(grace: Milliseconds) {
        beginEnding(within: grace.nanoseconds + Self.endLimit)
        send(VMStop.self, VMStop.Params(grace: grace)) { _ in }
    }

    func kill() {
        wasKilled = true
        beginEnding(within: Self.endLimit)
        send(VMKill.self, NoFields()) { _ in }
    }

    /// Kills the machine, as nobody will ask anything of it any more.
    func abandon() {
        wasKilled = true
        beginEnding(within: Self.endLimit)
        isClosing = true
        channel.finish()
    }

    /// From now on the machine does not wait for readers of its console.
    private func beginEnding(within limit: UInt64) {
        guard keeper != nil else { return }
        shared.console.beginEnding()
        console.resume()
        killSoon(after: limit)
    }

    /// Kills the process, should it not have ended by then.
    private func killSoon(after limit: UInt64 = endLimit) {
        after(limit) { process in
            process.wasKilled = true
            process.descriptor?.send(signal: SIGKILL)
        }
    }

    func after(_ nanoseconds: UInt64, _ job: @escaping (ServerProcess) -> Void) {
        timers.append(
            loop.schedule(after: nanoseconds) { [weak self] in
                if let self, keeper != nil { job(self) }
            })
    }

    /// The process is no use.
    private func fail(_ error: MicroVMError) {
        failure = failure ?? error
        isClosing = true
        channel.close()
        descriptor?.send(signal: SIGKILL)
    }

    private func processHasEnded() {
        if let watch = watch.take() { loop.remove(watch) }
        descriptor = nil
        for timer in timers { loop.cancel(timer) }
        let status = child.take()?.status()
        // What it said before its end.
        channel.drain()
        channel.close()
        console.drain()
        console.close()

        let result: Result<VMEnding, MicroVMError> =
            if let failure {
                .failure(failure)
            } else if let ending {
                .success(ending)
            } else if wasKilled {
                .success(VMEnding(cause: .killed))
            } else {
                .failure(.died(pid: pid, status: status?.description ?? "somebody else was told how"))
            }
        isClosing = true
        let unanswered: any Error
        switch result {
        case .success: unanswered = ControlError(.cancelled, "the machine came to its end before there was an answer")
        case .failure(let error): unanswered = error
        }
        for (_, call) in calls.sorted(by: { $0.key < $1.key }) { call(.failure(unanswered)) }
        calls = [:]
        loseCommands(result)
        shared.status.withLock { $0.ending = result }
        shared.console.finish()
        shared.events.finish()
        keeper = nil
    }

    // MARK: What the server says

    private func received(_ line: LineBuffer.Line) {
        do {
            guard case .text(let bytes) = line else {
                throw ControlError(.internal, "a line of more than \(LineBuffer.limit) bytes")
            }
            let line = Data(bytes)
            let message = try decoder.decode(ServerMessage.self, from: line)
            if let method = message.method {
                try notified(of: method, line)
            } else if message.isError {
                let response = try decoder.decode(ErrorResponse.self, from: line)
                guard let call = call(response.id) else { throw response.error.data }
                call(.failure(response.error.data))
            } else {
                guard message.id != nil else { throw ControlError(.internal, "a message of no kind") }
                call(message.id)?(.success(line))
            }
        } catch {
            fail(.notUnderstood(path: program.path, reason: "\(error)"))
        }
    }

    private func call(_ id: RequestID?) -> ((Result<Data, any Error>) -> Void)? {
        guard case .number(let number)? = id else { return nil }
        return calls.removeValue(forKey: number)
    }

    private func notified(of method: String, _ line: Data) throws {
        func params<Params: ControlNotification>(_ type: Params.Type = Params.self) throws -> Params {
            try decoder.decode(Call<Params>.self, from: line).params
        }
        switch method {
        case Hello.method:
            let hello = try params(Hello.self)
            shared.status.withLock { $0.hello = hello }
        case VMStateChanged.method: shared.events.append(.stateChanged(try params()))
        case GuestPanic.method: shared.events.append(.panicked(try params()))
        case ExecOutput.method: wrote(try params())
        case ExecExited.method: ended(try params())
        case LogLine.method: shared.events.append(.logged(try params()))
        case VMEnding.method: exited(try params())
        // A later server has more to tell.
        default: break
        }
    }

    /// The machine has ended, and its process is to follow, once it has told what it was.
    private func exited(_ ending: VMEnding) {
        self.ending = ending
        shared.events.append(.exited(ending))
        send(VMGet.self, NoFields()) { [shared] answer in
            shared.status.withLock { $0.lastDescription = try? answer.get() }
        }
        send(VMStats.self, NoFields()) { [shared] answer in
            shared.status.withLock { $0.lastStatistics = try? answer.get() }
        }
        isClosing = true
        channel.finish()
        killSoon()
    }
}
