import Agent
import Devices
import Linux
import Synchronization

/// The monitor's own vsock ports, to which a guest's agent connects.
public final class AgentPorts: Sendable {
    private typealias Accept = @Sendable (consuming OwnedDescriptor) -> Void

    private let accept = Mutex<(control: Accept, stream: Accept)?>(nil)

    init() {}

    /// Has a session take the agent's connections, on its loop's thread. Those that come before find nobody, and the agent
    /// tries again.
    public func serve(_ session: AgentSession) {
        // Touched on that thread only.
        nonisolated(unsafe) let session = session
        let loop = session.loop
        accept.withLock {
            $0 = (
                { loop.perform(with: $0) { session.acceptControl($0) } },
                { loop.perform(with: $0) { session.acceptStream($0) } }
            )
        }
    }

    /// As the device takes them.
    var vsockPorts: VsockPorts {
        [
            AgentProtocol.controlPort: { [self] in accept.withLock { $0?.control }?($0) },
            AgentProtocol.streamPort: { [self] in accept.withLock { $0?.stream }?($0) },
        ]
    }
}
