/// A moment of a machine's life that someone measures.
public struct Milestone: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// The kernel's and the initrd's files were found good.
        case filesChecked
        /// The virtual machine exists, with its memory and its kernel loaded.
        case machineReady
        /// The vCPUs were let go.
        case started
        /// The guest's first byte on its console reached the monitor.
        case firstConsoleByte
        /// What the guest wrote to the milestone port.
        case guest(UInt8)
        /// The guest's agent spoke for the first time.
        case agentStarted
        /// The agent made all that commands find in the guest.
        case commandsCanRun
        case commandStarted
        case commandEnded
        /// The machine came to its end.
        case ended
    }

    public let kind: Kind
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    public let time: UInt64
}
