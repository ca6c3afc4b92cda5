import MachineConfiguration

/// How far a machine's life has come.
public enum VMState: String, Codable, CaseIterable, Sendable {
    /// Made, and not yet started.
    case created
    case running
    /// No vCPU runs guest code.
    case paused
    /// It came to its end, and will not run again.
    case stopped
}

extension VMState: Described {}
