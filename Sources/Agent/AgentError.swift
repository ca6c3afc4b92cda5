import Linux
import SystemPackage

/// Why the connection to a guest's agent has ended.
public enum AgentError: Error, Equatable, CustomStringConvertible {
    /// The agent closed it: the guest went down, or the agent with it.
    case closed
    /// The agent sent what makes no sense; the words say what.
    case violation(String)
    case otherVersion(UInt32)
    /// The agent did not take a request of ours.
    case refused(kind: UInt16, reason: UInt16)
    /// The agent does not read its requests.
    case stalled
    case failed(SystemCallError)

    public var description: String {
        switch self {
        case .closed: "the guest's agent has gone"
        case .violation(let what): "the guest's agent broke the rules: it sent \(what)"
        case .otherVersion(let version):
            """
            the guest's agent speaks version \(version) of its protocol, and this is version \
            \(AgentProtocol.version); boot the initramfs of this Swiftlet
            """
        case .refused(let kind, let reason): "the guest's agent refused a request of kind \(kind): reason \(reason)"
        case .stalled: "the guest's agent does not read its requests"
        case .failed(let error): "the connection to the guest's agent failed: \(error)"
        }
    }
}
