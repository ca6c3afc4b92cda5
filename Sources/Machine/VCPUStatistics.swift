/// What a vCPU has done so far.
public struct VCPUStatistics: Sendable {
    /// How often it came back to the monitor; goes on counting.
    public let exits: ExitCounters
    /// Processor time in the guest and in the monitor, in nanoseconds; nil unless its thread lives.
    public let processorTime: UInt64?
    /// How long its thread could have run and had no processor, in nanoseconds; nil where the system does not tell.
    public let waitTime: UInt64?
}
