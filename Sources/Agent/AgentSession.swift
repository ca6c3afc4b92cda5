import CLinux
import Linux

/// The host's side of one connection with a guest's agent, and of the commands that it runs. The guest is not trusted: what
/// it sends is checked, and what it can make the host keep is bounded.
///
/// Used on the thread of its loop only.
public final class AgentSession {
    public enum Event {
        /// The agent is there.
        case ready(capabilities: [String])
        /// The agent is gone; every command is over.
        case ended(AgentError)
    }

    /// Bytes that may wait for the agent to read them.
    private static let mostWaiting = 8 << 20

    public let loop: EventLoop
    private let report: (Event) -> Void
    private let token: [UInt8]
    private var introductions: StreamIntroductions?
    private var control: OwnedDescriptor?
    private var watch: EventLoop.Watch?
    private var frames = FrameBuffer()
    private var waiting: [UInt8] = []
    private var commands: [UInt32: GuestCommand] = [:]
    private var requests: [UInt32: (GuestRequest, (AgentRequestError?) -> Void)] = [:]
    private var lastID: UInt32 = 0
    private var isReady = false
    private var end: AgentError?

    /// - Throws: `ENOSYS` and its like where the system has no random numbers.
    public init(loop: EventLoop, report: @escaping (Event) -> Void) throws(SystemCallError) {
        self.loop = loop
        self.report = report
        var token = [UInt8](repeating: 0, count: AgentProtocol.tokenSize)
        let count = token.withUnsafeMutableBytes { getrandom($0.baseAddress, $0.count, 0) }
        guard count == token.count else { throw SystemCallError("getrandom", errno: currentErrno) }
        self.token = token
        introductions = StreamIntroductions(loop: loop) { [unowned self] introduction, descriptor in
            guard introduction.token == token else { return }
            commands[introduction.command]?.open(introduction.stream, descriptor)
        }
        send(.hello, 0) {
            $0.number(AgentProtocol.version)
            $0.raw(token)
            $0.list([])
        }
    }

    deinit { if let watch { loop.remove(watch) } }

    /// Whether the agent may come, or is there.
    public var isOpen: Bool { end == nil }

    // MARK: Connections of the guest's

    /// Takes a connection to the port for control. There is one agent: the next connection is turned away.
    ///
    /// - Parameter descriptor: does not block.
    public func acceptControl(_ descriptor: consuming OwnedDescriptor) {
        guard control == nil, end == nil else { return }
        let number = descriptor.rawValue
        control = consume descriptor
        do throws(SystemCallError) {
            watch = try loop.watch(number, for: .readable) { [unowned self] readiness in
                if readiness.contains(.writable) { flush() }
                if !readiness.isDisjoint(with: [.readable, .hungUp, .failed]) { receive() }
            }
        } catch {
            return finish(.failed(error))
        }
        flush()
    }

    /// Takes a connection to the port for streams.
    ///
    /// - Parameter descriptor: does not block.
    public func acceptStream(_ descriptor: consuming OwnedDescriptor) {
        guard end == nil else { return }
        introductions?.add(descriptor)
    }

    // MARK: Requests

    /// Has a command run; before the agent is there, as soon as it is.
    ///
    /// - Parameter report: is called with what becomes of it, `over` being the last, but not before this returns.
    public func run(
        _ request: CommandRequest, streams: CommandStreams, report: @escaping (GuestCommand.Event) -> Void
    ) throws(CommandRequestError) -> GuestCommand {
        let frame = try request.frame(id: lastID &+ 1, hasInput: streams.input != nil)
        lastID &+= 1
        let command = GuestCommand(
            id: lastID, session: self, loop: loop, streams: streams, hasTerminal: request.terminal != nil,
            report: report)
        commands[command.id] = command
        if let end {
            loop.defer { command.finish(.unknown(end)) }
        } else {
            send(frame)
        }
        return command
    }

    /// Has the agent do what is about no command.
    ///
    /// - Parameter done: is given nil when it is done, but not before this returns.
    public func perform(_ request: GuestRequest, done: @escaping (AgentRequestError?) -> Void) {
        if let end { return loop.defer { done(.agent(end)) } }
        lastID &+= 1
        requests[lastID] = (request, done)
        send(request.kind, lastID) { request.write(to: &$0) }
    }

    /// Has the guest power off, which kills its processes and writes everything to its disks first.
    public func powerOff() {
        send(.powerOff, 0) { _ in }
    }

    /// Lets the agent and its commands go.
    public func close() {
        finish(.closed)
    }

    // MARK: Frames

    func send(_ kind: AgentProtocol.Kind, _ id: UInt32, _ payload: (inout PayloadWriter) -> Void) {
        var writer = PayloadWriter(kind, id: id)
        payload(&writer)
        if let frame = writer.finished() { send(frame) }
    }

    private func send(_ frame: [UInt8]) {
        guard end == nil else { return }
        waiting += frame
        if control != nil { loop.defer { [weak self] in self?.flush() } }
    }

    private func flush() {
        guard let number = control?.rawValue, end == nil else { return }
        do throws(SystemCallError) {
            while !waiting.isEmpty {
                let count = try systemCall("send") {
                    CLinux.send(number, waiting, waiting.count, CInt(MSG_NOSIGNAL))
                }
                waiting.removeFirst(count)
            }
        } catch {
            if error.errno != .wouldBlock { return finish(.failed(error)) }
            if waiting.count > Self.mostWaiting { return finish(.stalled) }
        }
        guard let watch else { return }
        do throws(SystemCallError) {
            try loop.change(watch, to: waiting.isEmpty ? .readable : [.readable, .writable])
        } catch {
            finish(.failed(error))
        }
    }

    private func receive() {
        guard let number = control?.rawValue, end == nil else { return }
        var count = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: 16 << 10) { bytes, filled in
            count = read(number, bytes.baseAddress, bytes.count)
            filled = max(count, 0)
        }
        if count < 0, [.wouldBlock, .interrupted].contains(currentErrno) { return }
        guard count > 0 else { return finish(.closed) }
        do throws(AgentError) {
            frames.append(chunk)
            while end == nil, let frame = try frames.next() { try serve(frame) }
        } catch {
            finish(error)
        }
    }

    private func serve(_ frame: FrameBuffer.Frame) throws(AgentError) {
        let event = try AgentEvent(frame)
        switch event {
        case .hello(let version, let capabilities):
            guard !isReady else { throw .violation("a second hello") }
            guard version == AgentProtocol.version else { throw .otherVersion(version) }
            isReady = true
            report(.ready(capabilities: capabilities))
        case _ where !isReady: throw .violation("a frame before its hello")
        case .refused(let kind, let reason):
            guard kind == AgentProtocol.Kind.exec.rawValue, frame.id > 0, frame.id <= lastID else {
                throw .refused(kind: kind, reason: reason)
            }
            commands[frame.id]?.finish(.unknown(.refused(kind: kind, reason: reason)))
        case .done: try finishRequest(frame.id, errno: 0)
        case .failed(_, let errno) where requests[frame.id] != nil: try finishRequest(frame.id, errno: errno)
        default:
            if let command = commands[frame.id] {
                try command.receive(event)
            } else if frame.id > lastID || frame.id == 0 {
                throw .violation("news of a command that nobody asked for")
            }
        }
    }

    private func finishRequest(_ id: UInt32, errno: CInt) throws(AgentError) {
        guard let (request, done) = requests.removeValue(forKey: id) else {
            throw .violation("news of a request that nobody made")
        }
        done(errno == 0 ? nil : .guest(request, errno: errno))
    }

    func forget(_ command: GuestCommand) {
        commands[command.id] = nil
    }

    private func finish(_ error: AgentError) {
        guard end == nil else { return }
        end = error
        if let watch = watch.take() { loop.remove(watch) }
        control = nil
        introductions?.stop()
        waiting = []
        for command in commands.values { command.finish(.unknown(error)) }
        let unanswered = requests.values
        requests = [:]
        for (_, done) in unanswered { done(.agent(error)) }
        report(.ended(error))
    }
}
