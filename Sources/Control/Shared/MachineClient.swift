import ControlMessages
import Glibc
import Linux
import Machine
import MachineConfiguration
import Worker

/// One of the clients of a `MachineServer`.
final class MachineClient {
    /// Output of commands waits in the guest while this many bytes wait for the client.
    private static let outputBacklog = 16 << 10
    /// So many requests can wait for the machine's end, or for what the guest prints.
    private static let waiterLimit = 1024

    private unowned let server: MachineServer
    private let connection: Connection
    private var dispatcher: Dispatcher
    /// Nil for a guest without an agent.
    private var commands: GuestCommands?
    private var waiters: [(VMEnding) -> Void] = []
    private var readers: [(ConsoleRead.Params, Reply<ConsoleRead.Result>)] = []
    /// The client is gone.
    private var isGone = false
    private var commandsAreOver = true

    init(_ descriptor: consuming OwnedDescriptor, of server: MachineServer) throws(SystemCallError) {
        self.server = server
        connection = try Connection(input: descriptor.rawValue, output: descriptor.rawValue, on: server.loop)
        dispatcher = Dispatcher(on: server.loop)
        if let run = server.owner.run {
            commands = GuestCommands(
                on: server.loop,
                .init(
                    wrote: { [unowned self] output in
                        tell(output)
                        if connection.writer.backlog > Self.outputBacklog { commands?.holdBack(true) }
                    },
                    exited: { [unowned self] in tell($0) }),
                completions: server.copies, run: run)
        }
        register()
        connection.received = { [unowned self] line in dispatcher.serve(line, answeringTo: connection.writer) }
        connection.drained = { [unowned self] in commands?.holdBack(false) }
        // It is at the end of this turn that nobody uses the connection any more.
        connection.closed = { [unowned self] in server.loop.defer { [unowned self] in leave() } }
        tell(hello)
        try connection.open()
    }

    /// Whether the client is gone, or has been told everything.
    var isIdle: Bool { isGone || commandsAreOver && connection.writer.backlog == 0 }

    func agentChanged(_ event: Worker.Event) {
        commands?.agentChanged(event)
    }

    /// The machine has come to its end.
    func finish(_ ending: VMEnding) {
        commandsAreOver = false
        let tellEnd = { [unowned self] in
            commandsAreOver = true
            tell(ending)
            for waiter in waiters { waiter(ending) }
            waiters = []
            consoleHasGrown()
        }
        if let commands { commands.finish(tellEnd) } else { tellEnd() }
    }

    private var hello: Hello { Hello(version: server.version, dispatcher) }

    private func tell(_ params: some ControlNotification) {
        connection.writer.send(NotificationMessage(params: params))
    }

    /// Its commands end with it, as nobody could hear of them any more.
    private func leave() {
        guard !isGone else { return }
        isGone = true
        dispatcher.cancelAll()
        connection.stop()
        waiters = []
        readers = []
        // Whoever calls this is not to go meanwhile.
        let forget = { [self] in server.loop.defer { [self] in server.forget(self) } }
        if let commands { commands.hangUp(forget) } else { forget() }
    }

    // MARK: Requests

    private func register() {
        dispatcher.on(ServerInfo.self) { [unowned self] _ in hello }
        dispatcher.on(ServerPing.self) { _ in NoFields() }
        dispatcher.on(RPCDiscover.self) { [unowned self] _ in dispatcher.openRPC.document }
        dispatcher.on(VMGet.self) { [unowned self] _ in describe() }
        dispatcher.on(VMStats.self) { [unowned self] _ in VMStats.Result(server.machine) }
        dispatcher.on(VMWait.self, later: { [unowned self] _, reply in try awaitEnd(reply) { $0 } })
        dispatcher.on(
            VMStop.self,
            later: { [unowned self] params, reply in
                try awaitEnd(reply) { _ in StateResult(state: .stopped) }
                server.owner.stop(params.graceMs.nanoseconds)
            })
        dispatcher.on(
            VMKill.self,
            later: { [unowned self] _, reply in
                try awaitEnd(reply) { _ in StateResult(state: .stopped) }
                server.owner.kill()
            })
        dispatcher.on(ConsoleRead.self, later: { [unowned self] in try read($0, $1) })
        dispatcher.onCommands { [unowned self] in
            guard let commands else {
                throw ControlError(
                    .unsupported, "the guest has no agent to run commands",
                    hint: "start it with a command, as in 'swiftlet run -- sleep infinity'")
            }
            return commands
        }
    }

    private func describe() -> VMGet.Result {
        VMGet.Result(
            id: MachineSession.id, state: server.ending == nil ? .running : .stopped, config: server.configuration,
            devices: server.machine.deviceNames.map { VMGet.Device(id: $0) }, pid: getpid(), ending: server.ending)
    }

    private func awaitEnd<Result>(_ reply: Reply<Result>, _ result: @escaping (VMEnding) -> Result) throws {
        if let ending = server.ending { return reply.succeed(result(ending)) }
        guard waiters.count < Self.waiterLimit else {
            throw ControlError(.resource, "\(Self.waiterLimit) requests wait for the machine's end already")
        }
        waiters.append { reply.succeed(result($0)) }
    }

    private func read(_ params: ConsoleRead.Params, _ reply: Reply<ConsoleRead.Result>) throws {
        let (offset, bytes) = server.history.read(from: params.offset)
        guard bytes.isEmpty, params.wait, server.ending == nil else {
            let next = offset + UInt64(bytes.count)
            return reply.succeed(ConsoleRead.Result(offset: offset, text: ConsoleText(bytes), next: next))
        }
        guard readers.count < Self.waiterLimit else {
            throw ControlError(.resource, "\(Self.waiterLimit) requests wait for the console already")
        }
        readers.append((params, reply))
        server.awaitOutput(beyond: offset)
    }

    /// The guest has printed something.
    func consoleHasGrown() {
        let waiting = readers
        readers = []
        for (params, reply) in waiting { reply.answer { try read(params, reply) } }
    }
}
