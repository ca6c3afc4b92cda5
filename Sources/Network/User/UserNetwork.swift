import MachineConfiguration

/// The network that passt shows a guest, the same whatever the host's is like: so a guest can be configured without asking.
public enum UserNetwork {
    /// The guest's own.
    public static let address = IPv4Address(10, 0, 2, 15)
    public static let prefixLength: UInt8 = 24
    public static let gateway = IPv4Address(10, 0, 2, 2)
    /// Where passt takes queries for the name server of the host.
    public static let nameServer = IPv4Address(10, 0, 2, 3)
}
