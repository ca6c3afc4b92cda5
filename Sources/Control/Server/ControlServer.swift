import Boot
import CLinux
import ControlMessages
import Linux
import Machine

/// A server of one machine for one client: JSON-RPC 2.0, a message a line. It belongs to the thread of its event loop.
public final class ControlServer {
    /// What becomes of the machine when the client is gone.
    public enum DisconnectPolicy: String, CaseIterable, Sendable {
        /// It is killed.
        case kill
        /// Its power button is pressed, and it is killed when it does not power off within two seconds.
        case stop
    }

    /// The console's output waits in the guest while this many bytes wait for the client.
    private static let consoleBacklog = 16 << 10
    /// How long a client whose requests have ended may take to read the last answers.
    private static let lastAnswersGrace: UInt64 = 2_000_000_000

    /// Whether all is done: the client is gone, its machine has stopped, and it was told so where it still listened.
    public private(set) var hasEnded = false

    private let loop: EventLoop
    private let version: String
    private let policy: DisconnectPolicy
    private let connection: Connection
    private var session: MachineSession?
    private var dispatcher = Dispatcher()
    private var clientIsGone = false

    /// - Parameters:
    ///   - input: where requests come from; kept open.
    ///   - output: where messages go; its flags are not changed.
    ///   - version: Swiftlet's.
    ///   - cache: where unpacked kernels are kept; nil to unpack on every start.
    public init(
        input: CInt, output: CInt, on loop: EventLoop, version: String, policy: DisconnectPolicy, cache: KernelCache?
    ) throws(SystemCallError) {
        self.loop = loop
        self.version = version
        self.policy = policy
        connection = try Connection(input: input, output: output, on: loop)
        let writer = connection.writer
        let session = try MachineSession(
            on: loop, cache: cache,
            .init(
                stateChanged: { Self.tell($0, writer) }, printed: { [unowned self] in tellConsole($0) },
                logged: { Self.tell($0, writer) }, panicked: { Self.tell($0, writer) },
                exited: { [unowned self] ending in
                    Self.tell(ending, writer)
                    loop.defer { [unowned self] in endIfDone() }
                }))
        self.session = session
        register(session)
        connection.received = { [unowned self] line in dispatcher.serve(line, answeringTo: connection.writer) }
        connection.drained = { [unowned self] in
            session.holdBack(false)
            endIfDone()
        }
        connection.closed = { [unowned self] in clientLeft(policy) }
    }

    /// Says hello, and serves requests from then on.
    public func start() throws(SystemCallError) {
        Self.tell(hello, connection.writer)
        try connection.open()
    }

    /// Takes no more requests, and brings the machine and this server to their end.
    public func shutDown(_ policy: DisconnectPolicy) {
        connection.closed = {}
        connection.close()
        clientLeft(policy)
    }

    private var hello: Hello {
        Hello(
            protocol: Hello.currentProtocol, version: version, pid: getpid(), capabilities: dispatcher.methods,
            limits: Limits(maxLine: LineBuffer.limit))
    }

    private func register(_ session: MachineSession) {
        dispatcher.on(ServerInfo.self) { [unowned self] _ in hello }
        dispatcher.on(ServerPing.self) { _ in NoFields() }
        dispatcher.on(VMCreate.self) { params in
            try session.create(params.config)
            return VMCreate.Result(id: MachineSession.id)
        }
        dispatcher.on(VMStart.self) { _ in try session.start() }
        dispatcher.on(VMPause.self) { _ in try session.pause() }
        dispatcher.on(VMResume.self) { _ in try session.resume() }
        dispatcher.on(VMStop.self, later: { params, reply in try session.stop(grace: params.graceMs, reply) })
        dispatcher.on(VMKill.self, later: { _, reply in try session.kill(reply) })
        dispatcher.on(VMWait.self, later: { params, reply in try session.wait(timeout: params.timeoutMs, reply) })
        dispatcher.on(VMGet.self) { _ in try session.describe() }
        dispatcher.on(VMStats.self) { _ in try session.statistics() }
        dispatcher.on(ConsoleWrite.self) { text in
            try session.write(text)
            return NoFields()
        }
        dispatcher.on(DeviceUpdate.self, later: { change, reply in try session.update(change, reply) })
    }

    private static func tell(_ params: some ControlNotification, _ writer: MessageWriter) {
        writer.send(NotificationMessage(params: params))
    }

    private func tellConsole(_ text: ConsoleText) {
        Self.tell(text, connection.writer)
        if connection.writer.backlog > Self.consoleBacklog { session?.holdBack(true) }
    }

    private func clientLeft(_ policy: DisconnectPolicy) {
        clientIsGone = true
        session?.clientLeft(grace: policy == .stop ? .usualGrace : nil)
        endIfDone()
    }

    private func endIfDone() {
        guard clientIsGone, !hasEnded, session?.isIdle == true else { return }
        hasEnded = connection.writer.backlog == 0
        if !hasEnded { loop.schedule(after: Self.lastAnswersGrace) { [weak self] in self?.hasEnded = true } }
    }
}
