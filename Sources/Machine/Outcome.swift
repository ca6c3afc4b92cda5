/// How a machine came to its end.
public enum Outcome: Equatable, Sendable {
    /// The guest switched itself off; the code is 0, or what it wrote to the debug-exit port.
    case poweredOff(code: UInt8)
    /// The guest asked for a reset, which ends a microVM.
    case reset
    /// The guest's kernel gave up.
    case panicked(reason: String)
    /// A vCPU cannot go on: a triple fault, or code that KVM cannot execute.
    case fault(FaultReport)
    /// Someone outside ended it.
    case killed
    /// The monitor or the host's KVM failed.
    case failed(FaultReport)
}
