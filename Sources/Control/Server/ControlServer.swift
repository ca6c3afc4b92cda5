import Boot
import CLinux
import ControlMessages
import Linux
import Machine
import MachineConfiguration

/// A server of one machine for one client at a time: JSON-RPC 2.0, a message a line. It belongs to the thread of its event
/// loop.
public final class ControlServer {
    /// What becomes of the machine when the client is gone.
    public enum DisconnectPolicy: String, CaseIterable, Sendable {
        /// It is killed.
        case kill
        /// Its power button is pressed, and it is killed when it does not power off within two seconds.
        case stop
        /// It goes on.
        case detach
    }

    /// Output waits in the guest while this many bytes wait for the client.
    private static let outputBacklog = 16 << 10
    /// How long a client whose requests have ended may take to read the last answers.
    private static let lastAnswersGrace: UInt64 = 2_000_000_000

    /// Whether all is done: the client is gone, its machine has stopped, and it was told so where it still listened.
    public private(set) var hasEnded = false
    /// Called when another client may come: the last one has left its machine running. Without it, none can.
    public var clientWanted: (() -> Void)?

    private let loop: EventLoop
    private let version: String
    private let policy: DisconnectPolicy
    private var connection: Connection?
    private var session: MachineSession?
    private var dispatcher: Dispatcher
    /// No client comes any more.
    private var clientIsGone = false
    /// Bytes that the guest printed since the last client left.
    private var unheardCount = 0

    /// - Parameters:
    ///   - version: Swiftlet's.
    ///   - cache: where unpacked kernels are kept; nil to unpack on every start.
    public init(
        on loop: EventLoop, version: String, policy: DisconnectPolicy, cache: KernelCache?
    ) throws(SystemCallError) {
        self.loop = loop
        self.version = version
        self.policy = policy
        dispatcher = Dispatcher(on: loop)
        let session = try MachineSession(
            on: loop, cache: cache,
            .init(
                stateChanged: { [unowned self] in tell($0) },
                printed: { [unowned self] in tellOutput($0, count: $0.bytes.count) },
                logged: { [unowned self] in tell($0) }, panicked: { [unowned self] in tell($0) },
                exited: { [unowned self] ending in
                    tell(ending)
                    loop.defer { [unowned self] in endIfDone() }
                },
                commands: .init(
                    wrote: { [unowned self] in tellOutput($0, count: $0.text.bytes.count) },
                    exited: { [unowned self] in tell($0) })))
        self.session = session
        register(session)
    }

    /// Says hello to a client, and serves its requests from then on.
    ///
    /// - Parameters:
    ///   - input: where requests come from; kept open.
    ///   - output: where messages go; its flags are not changed.
    public func connect(input: CInt, output: CInt) throws(SystemCallError) {
        let connection = try Connection(input: input, output: output, on: loop)
        connection.received = { [unowned self] line in dispatcher.serve(line, answeringTo: connection.writer) }
        connection.drained = { [unowned self] in
            session?.holdBack(false)
            endIfDone()
        }
        connection.closed = { [unowned self] in clientLeft() }
        self.connection = connection
        tell(hello)
        if unheardCount > 0 {
            let message = "\(unheardCount) bytes of output came while there was no client, and are lost"
            tell(LogLine(level: .warning, message: message))
        }
        unheardCount = 0
        try connection.open()
    }

    /// Takes no more requests, and brings the machine and this server to their end.
    public func shutDown(_ policy: DisconnectPolicy) {
        closeConnection()
        end(policy)
    }

    /// To be called when the client is gone, though its end of the connection may still be open.
    public func disconnect() {
        closeConnection()
        clientLeft()
    }

    private func closeConnection() {
        connection?.closed = {}
        connection?.close()
    }

    private var hello: Hello { Hello(version: version, dispatcher) }

    /// What clients can ask for, and are told: an OpenRPC document.
    package var document: JSONValue { openRPC.document }

    var openRPC: OpenRPC { dispatcher.openRPC }

    private func register(_ session: MachineSession) {
        dispatcher.on(ServerInfo.self) { [unowned self] _ in hello }
        dispatcher.on(ServerPing.self) { _ in NoFields() }
        dispatcher.on(RPCDiscover.self) { [unowned self] _ in document }
        dispatcher.on(VMCreate.self) { params in
            try session.create(params.config)
            return VMCreate.Result(id: MachineSession.id)
        }
        dispatcher.on(VMStart.self) { _ in try session.start() }
        dispatcher.on(VMPause.self, later: { _, reply in try session.pause(reply) })
        dispatcher.on(VMResume.self, later: { _, reply in try session.resume(reply) })
        dispatcher.on(VMStop.self, later: { params, reply in try session.stop(grace: params.graceMs, reply) })
        dispatcher.on(VMKill.self, later: { _, reply in try session.kill(reply) })
        dispatcher.on(VMWait.self, later: { _, reply in try session.wait(reply) })
        dispatcher.on(VMGet.self) { _ in try session.describe() }
        dispatcher.on(VMStats.self) { _ in try session.statistics() }
        dispatcher.on(ConsoleWrite.self) { text in
            try session.write(text)
            return NoFields()
        }
        dispatcher.onCommands { try session.changeCommands() }
        dispatcher.on(DeviceAttach.self, later: { try session.changeDevices().attach($0, $1) })
        dispatcher.on(DeviceDetach.self, later: { try session.changeDevices().detach($0, $1) })
        dispatcher.on(DeviceUpdate.self, later: { try session.changeDevices().update($0, $1) })
    }

    private func tell(_ params: some ControlNotification) {
        connection?.writer.send(NotificationMessage(params: params))
    }

    /// - Parameter count: bytes of the guest's.
    private func tellOutput(_ output: some ControlNotification, count: Int) {
        guard let connection else {
            unheardCount += count
            return
        }
        tell(output)
        if connection.writer.backlog > Self.outputBacklog { session?.holdBack(true) }
    }

    private func clientLeft() {
        if policy == .detach, session?.hasBegun == true {
            // It is at the end of this turn that nobody uses the connection any more.
            loop.defer { [unowned self] in detach() }
        } else {
            end(policy)
        }
    }

    private func detach() {
        dispatcher.cancelAll()
        connection.take()?.stop()
        session?.holdBack(false)
        if let clientWanted { clientWanted() } else { clientIsGone = true }
        endIfDone()
    }

    private func end(_ policy: DisconnectPolicy) {
        clientIsGone = true
        session?.clientLeft(grace: policy == .stop ? .usualGrace : nil)
        endIfDone()
    }

    private func endIfDone() {
        guard clientIsGone || connection == nil, !hasEnded, session?.isIdle == true else { return }
        hasEnded = (connection?.writer.backlog ?? 0) == 0
        if !hasEnded { loop.schedule(after: Self.lastAnswersGrace) { [weak self] in self?.hasEnded = true } }
    }
}
