/// Work on a frame that its sender leaves to its receiver, described by the header before the frame.
public struct Offloads: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The transport checksum is not there yet.
    public static let checksum = Offloads(rawValue: 1 << 0)
    /// A TCP segment over IPv4 is larger than the link's MTU.
    public static let tcp4 = Offloads(rawValue: 1 << 1)
    /// The same over IPv6.
    public static let tcp6 = Offloads(rawValue: 1 << 2)
    /// UDP datagrams of one flow, over either, come joined.
    public static let udp = Offloads(rawValue: 1 << 3)
}
