import SystemPackage

/// How a machine came to its end.
public enum Outcome: Equatable, Sendable {
    /// The guest switched itself off; the code is 0, or what it wrote to the debug-exit port.
    case poweredOff(code: UInt8)
    /// The guest asked for a reset, which ends a microVM.
    case reset
    /// The guest's kernel gave up, for the reason it printed, where it printed one.
    case panicked(reason: String?)
    /// A vCPU cannot go on: a triple fault, or code that KVM cannot execute.
    case fault(FaultReport)
    /// Someone outside ended it.
    case killed(Killer)
    /// The monitor or the host's KVM failed.
    case failed(FaultReport)

    public enum Killer: Equatable, Sendable {
        /// A signal with this number.
        case signal(CInt)
        case timeLimit
        /// Its work was done.
        case finished
        /// The user, at the terminal.
        case user
        /// The guest's output could not be written any more.
        case outputFailure(Errno)
    }
}
