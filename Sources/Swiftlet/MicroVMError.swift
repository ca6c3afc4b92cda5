import Linux

/// Why a microVM could not be had, or was lost, for reasons outside of it. What Swiftlet itself refuses is a
/// `ControlError`; how a guest ends is no error at all, but a `VMEnding`.
public enum MicroVMError: Error, Equatable, Sendable {
    /// There is no program `swiftlet` in any of these places.
    case programNotFound(tried: [String])
    /// The program at this path cannot be started.
    case programFailed(path: String, reason: String)
    /// The program speaks another version of the control channel's protocol than this library.
    case incompatible(path: String, version: String, protocol: String)
    /// The program did not say in time that it is there.
    case silent(path: String)
    /// The program said something that this library cannot read.
    case notUnderstood(path: String, reason: String)
    /// The process that was the machine has ended without having been asked to.
    case died(pid: Int32, status: String)
    /// The console, or a command, wrote more than there was to be kept.
    case tooMuchOutput(limit: Int)
    /// The console came to its end before it printed what was waited for; with the last that it did print.
    case consoleEnded(awaited: String, last: String)
    /// Nobody knows how a command ended, as its machine, or the agent there, ended first, or did not tell.
    case commandLost(reason: String)
}

extension MicroVMError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .programNotFound(let tried):
            """
            there is no program 'swiftlet': \(tried.joined(separator: ", ")); build it with 'make build' and name it in the \
            environment as \(ServerProgram.variable), or put it into a directory of PATH
            """
        case .programFailed(let path, let reason): "\(path) cannot be started: \(reason)"
        case .incompatible(let path, let version, let theirs):
            """
            \(path) is Swiftlet \(version) and speaks version \(theirs) of the control channel, this library version \
            \(ServerProgram.protocolVersion); use the program and the library of one release
            """
        case .silent(let path):
            """
            \(path) did not say in time that it is there; is it Swiftlet, and not for another kind of machine? \
            '\(path) --version' tells
            """
        case .notUnderstood(let path, let reason): "\(path) said what 'swiftlet serve' does not say: \(reason)"
        case .died(let pid, let status):
            """
            the process of the machine, \(pid), has ended by itself, and the machine with it: \(status); what it said \
            about that is on stderr
            """
        case .tooMuchOutput(let limit):
            "there was more output than \(limit) bytes; allow more, or have the guest write less"
        case .consoleEnded(let awaited, let last):
            """
            the console came to its end and had not printed \(awaited.debugDescription); its last was \
            \(last.debugDescription)
            """
        case .commandLost(let reason): "nobody knows how the command ended: \(reason)"
        }
    }
}
