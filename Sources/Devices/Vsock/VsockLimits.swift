/// Bounds on what a guest, and programs on its host, can have of a `VsockSwitch`. Times are in nanoseconds.
public struct VsockLimits: Sendable {
    /// Connections, those that are being opened or closed among them; more are refused.
    public var connections = 8192
    /// Resets that wait for the guest's buffers; while there are more, no packet of the guest's is taken.
    public var resets = 1024
    /// How long the guest waits for a program that has no room for another connection.
    public var connecting: UInt64 = 2_000_000_000
    /// How long a program waits for the guest's answer.
    public var requesting: UInt64 = 5_000_000_000
    /// How long the guest may take to confirm that a connection has ended.
    public var closing: UInt64 = 10_000_000_000
    /// How often these times are looked at, and a program without room is asked again.
    public var tick: UInt64 = 50_000_000
    /// How many programs without room are asked again each time.
    public var connectsPerTick = 64

    public init() {}
}
