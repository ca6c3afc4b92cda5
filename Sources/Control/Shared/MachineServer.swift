import Agent
import ControlMessages
import Linux
import Machine
import MachineConfiguration
import TreeStream
import Worker

/// Serves clients of a machine that somebody else started and sees to its end: any number at a time, each with commands of
/// its own. It belongs to the thread of its event loop.
public final class MachineServer {
    /// What only the machine's owner can do.
    public struct Owner {
        /// Brings the machine to its end; nanoseconds that the guest may take for it.
        let stop: (UInt64) -> Void
        let kill: () -> Void
        /// Nil for a guest without an agent.
        let run: CommandRunner?

        public init(
            stop: @escaping (UInt64) -> Void, kill: @escaping () -> Void, run: CommandRunner? = nil
        ) {
            self.stop = stop
            self.kill = kill
            self.run = run
        }
    }

    /// So many clients there can be at a time; others are turned away.
    private static let clientLimit = 256

    let loop: EventLoop
    let version: String
    let machine: Machine
    let configuration: VMConfiguration
    let owner: Owner
    let history: ConsoleHistory
    let copies: Completions<TreeSummary>
    private let consoleHasGrown: SharedEventCounter
    private var clients: [ObjectIdentifier: MachineClient] = [:]
    private var agentEvent: Worker.Event?
    private(set) var ending: VMEnding?

    /// - Parameters:
    ///   - version: Swiftlet's.
    ///   - history: of the machine's console.
    public init(
        _ machine: Machine, _ configuration: VMConfiguration, history: ConsoleHistory, on loop: EventLoop,
        version: String, owner: Owner
    ) throws(SystemCallError) {
        self.machine = machine
        self.configuration = configuration
        self.history = history
        self.loop = loop
        self.version = version
        self.owner = owner
        copies = try Completions(on: loop)
        consoleHasGrown = try SharedEventCounter()
        try loop.watch(consoleHasGrown.counter.descriptor.rawValue, for: .readable) { [unowned self] _ in
            consoleHasGrown.counter.drain()
            for client in clients.values { client.consoleHasGrown() }
        }
    }

    /// Says hello to a client, and serves it from then on.
    public func accept(_ descriptor: consuming OwnedDescriptor) {
        guard clients.count < Self.clientLimit, ending == nil else { return }
        guard let client = try? MachineClient(descriptor, of: self) else { return }
        clients[ObjectIdentifier(client)] = client
        if let agentEvent { client.agentChanged(agentEvent) }
    }

    func forget(_ client: MachineClient) {
        clients[ObjectIdentifier(client)] = nil
    }

    /// To be told of the guest's agent.
    public func agentChanged(_ event: Worker.Event) {
        agentEvent = event
        for client in clients.values { client.agentChanged(event) }
    }

    /// To be called when the machine has come to its end, and its agent has been let go.
    public func finish(_ outcome: Outcome) {
        guard ending == nil else { return }
        let ending = VMEnding(outcome)
        self.ending = ending
        for client in clients.values { client.finish(ending) }
    }

    /// Tells all clients once when the guest has printed something.
    func awaitOutput(beyond offset: UInt64) {
        history.whenGrown(beyond: offset) { [consoleHasGrown] in consoleHasGrown.counter.signal() }
    }

    /// Whether nobody is there any more who has not been told everything.
    public var isIdle: Bool { clients.values.allSatisfy(\.isIdle) }
}
