/// What a vCPU has done so far.
public struct VCPUStatistics: Sendable {
    /// How often it came back to the monitor; goes on counting.
    public let exits: ExitCounters
    /// Processor time in the guest and in the monitor, in nanoseconds; nil unless its thread lives.
    public let processorTime: UInt64?
}
