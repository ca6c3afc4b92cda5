import CLinux
import Linux
import Virtio

/// Connections between programs in the guest and programs on the host, without a network (virtio 1.3 §5.10). The host's
/// end of each is a Unix socket.
///
/// A program on the host connects to the socket's path, writes `CONNECT port\n`, and reads `OK hostport\n` once the
/// guest has taken the connection; without that its socket is closed. A program in the guest that connects to port P of
/// the host (context 2) reaches the socket at that path followed by `_P`.
public final class VsockDevice: VirtioDevice {
    /// Contexts that a guest can have: those below have a meaning of their own, and the highest stands for any.
    public static let contexts: ClosedRange<UInt64> = 3...0xFFFF_FFFE
    /// Bytes of the longest path: those of the guest's ports are longer by an underscore and ten digits.
    public static let longestPath = UnixSocket.longestPath - 11

    private static let queueSize: UInt16 = 256
    private enum Queue {
        static let receive = 0
        static let transmit = 1
        static let event = 2
    }

    private let guestCID: UInt64
    private let path: String
    private var listener: UnixListener?
    private var context: DeviceContext?
    private var clients: VsockClients?
    private var connections: VsockSwitch?
    private var receiveQueue: Virtqueue?
    private var transmitQueue: Virtqueue?
    private var isServingSoon = false
    /// A copy of a buffer's list, to find the header's part in.
    private let headerSegments = UnsafeMutablePointer<iovec>.allocate(capacity: Int(queueSize))

    /// - Parameters:
    ///   - guestCID: the guest's context, one of `contexts`.
    ///   - listener: where the host's programs connect to.
    public init(guestCID: UInt64, listener: consuming UnixListener) {
        self.guestCID = guestCID
        path = listener.path
        self.listener = listener
    }

    deinit { headerSegments.deallocate() }

    public var description: DeviceDescription {
        DeviceDescription(
            type: .vsock, features: .streamSockets, queueSizes: [Self.queueSize, Self.queueSize, Self.eventQueueSize],
            configuration: withUnsafeBytes(of: guestCID.littleEndian, Array.init))
    }
}
