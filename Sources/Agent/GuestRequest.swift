import SystemPackage

/// What the agent can be asked for beside commands. Paths are the guest's, and begin with a slash.
public enum GuestRequest: Equatable, Sendable {
    /// To mount a file system (mount(2)), and make the directory for it where there is none.
    ///
    /// - Parameters:
    ///   - root: the directory that `target` is in, whatever symbolic links are in it; empty for the agent's own root.
    ///   - flags: the guest's `MS_…`.
    case mount(source: String, root: String = "", target: String, type: String, flags: UInt64 = 0, data: String = "")
    /// To make a directory, and those that it is in, where there are none.
    ///
    /// - Parameter mode: its permission bits, where it is made.
    case makeDirectory(String, mode: UInt32 = 0o755)
    /// To let all commands together have no more processes and threads than this, one at least.
    case limitProcesses(UInt64)

    var kind: AgentProtocol.Kind {
        switch self {
        case .mount: .mount
        case .makeDirectory: .makeDirectory
        case .limitProcesses: .limitProcesses
        }
    }

    func write(to payload: inout PayloadWriter) {
        switch self {
        case .mount(let source, let root, let target, let type, let flags, let data):
            for text in [source, root, target, type] { payload.text(Array(text.utf8)) }
            payload.number(flags)
            payload.text(Array(data.utf8))
        case .makeDirectory(let path, let mode):
            payload.text(Array(path.utf8))
            payload.number(mode)
        case .limitProcesses(let number): payload.number(number)
        }
    }
}

/// Why a request was not done.
public enum AgentRequestError: Error, Equatable, CustomStringConvertible {
    /// The guest's kernel says so.
    case guest(GuestRequest, errno: CInt)
    case agent(AgentError)

    public var description: String {
        switch self {
        case .guest(.mount(let source, let root, let target, let type, _, _), let errno):
            "the guest cannot mount '\(source)' at '\(root)\(target)' as \(type): \(Errno(rawValue: errno))"
        case .guest(.makeDirectory(let path, _), let errno):
            "the guest cannot make the directory '\(path)': \(Errno(rawValue: errno))"
        case .guest(.limitProcesses(let number), let errno):
            "the guest cannot limit its processes to \(number): \(Errno(rawValue: errno))"
        case .agent(let error): "\(error)"
        }
    }
}
