/// Sizes of what passes through a `FrameChannel`.
public enum Frame {
    /// Bytes of the header before each frame, `struct virtio_net_hdr_v1` (virtio 1.3 §5.1.6).
    public static let headerLength = 12
    /// Bytes of the shortest frame: two addresses and a type.
    public static let leastLength = 14
    /// Bytes of the longest frame: the largest IP packet, the Ethernet header and a VLAN tag.
    public static let greatestLength = 65_535 + 14 + 4
}

/// How an attempt to receive a frame went.
public enum ReceiveResult: Equatable, Sendable {
    /// A frame came, of so many bytes with its header; what was beyond the buffers is lost.
    case received(Int)
    /// None is there now.
    case empty
    /// There will be none any more.
    case closed
}

/// How an attempt to send a frame went.
public enum SendResult: Equatable, Sendable {
    case sent
    /// There is no room now: try again when the descriptor is writable.
    case blocked
    /// This frame cannot be sent, now or ever.
    case refused
    /// No frame can be sent any more.
    case closed
}
