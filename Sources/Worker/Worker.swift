import Agent
import GuestRoot
import Linux
import Machine
import MachineConfiguration

/// A machine's agent, from its first word until the machine's end, and what it was asked to do before any command runs.
///
/// Used on the thread of its loop only.
public final class Worker {
    public enum Event {
        /// Commands can run.
        case ready
        /// None can, or can any more.
        case failed(any Error)
    }

    private let configuration: VMConfiguration
    private let root: RootSource?
    private let events: EventLog
    /// Of the first card that is connected to the network of the host's user: all such networks have the same addresses.
    private let userCard: MACAddress?
    private let report: (Event) -> Void
    private var session: AgentSession?
    private var unanswered = 0
    private var hasFailed = false

    /// - Parameters:
    ///   - machine: with an agent; it need not have started.
    ///   - configuration: the machine's.
    public init(
        _ machine: Machine, _ configuration: VMConfiguration, on loop: EventLoop, report: @escaping (Event) -> Void
    ) throws(SystemCallError) {
        self.configuration = configuration
        root = machine.root
        events = machine.events
        let userNet = configuration.nets.first { $0.user == true }
        userCard = machine.nets.first { $0.id == userNet?.id }?.mac
        self.report = report
        let session = try AgentSession(loop: loop) { [unowned self] event in
            switch event {
            case .ready: prepare()
            case .ended(let error): fail(error)
            }
        }
        self.session = session
        machine.agentPorts?.serve(session)
    }

    private func prepare() {
        events.mark(.agentStarted)
        let requests = Preparation.requests(configuration, root: root, card: userCard)
        unanswered = requests.count
        for request in requests {
            session?.perform(request) { [weak self] error in
                guard let self else { return }
                unanswered -= 1
                if let error { fail(error) } else { tellIfReady() }
            }
        }
        tellIfReady()
    }

    private func tellIfReady() {
        guard unanswered == 0, !hasFailed else { return }
        events.mark(.commandsCanRun)
        report(.ready)
    }

    private func fail(_ error: any Error) {
        guard !hasFailed else { return }
        hasFailed = true
        report(.failed(error))
    }

    /// Has a command run in the root of commands; to be called when the worker is ready.
    ///
    /// - Parameter report: as `AgentSession.run` calls it.
    public func run(
        _ request: CommandRequest, streams: CommandStreams, report: @escaping (GuestCommand.Event) -> Void
    ) throws(CommandRequestError) -> GuestCommand? {
        var request = request
        if root != nil { request.root = Array(Preparation.root.utf8) }
        return try session?.run(request, streams: streams, report: report)
    }

    /// Has the guest write everything to its disks and shares, and power off.
    public func powerOff() {
        session?.powerOff()
    }

    /// Lets the agent go; to be called before this object goes.
    public func close() {
        hasFailed = true
        session?.close()
        session = nil
    }
}
