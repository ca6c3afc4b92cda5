import CLinux

/// The head of every packet between a guest and its host (virtio 1.3 §5.10.6).
public struct VsockHeader: Equatable, Sendable {
    /// Bytes in a buffer.
    public static let size = MemoryLayout<virtio_vsock_hdr>.size

    public var source: VsockAddress
    public var destination: VsockAddress
    /// Bytes that follow.
    public var length: UInt32 = 0
    public var type: UInt16 = Self.stream
    /// nil for a number that the specification has no operation for.
    public var operation: VsockOperation?
    /// Those of `VsockShutdown` where that is the operation.
    public var flags: UInt32 = 0
    /// Bytes of the connection that the sender has room for in all.
    public var bufferAllocation: UInt32 = 0
    /// Bytes of the connection that have left that room, since its beginning, modulo 2³².
    public var forwardCount: UInt32 = 0

    /// The one type of socket that is served.
    public static let stream = UInt16(VIRTIO_VSOCK_TYPE_STREAM.rawValue)

    public init(from source: VsockAddress, to destination: VsockAddress, _ operation: VsockOperation) {
        self.source = source
        self.destination = destination
        self.operation = operation
    }

    init(_ raw: virtio_vsock_hdr) {
        source = VsockAddress(cid: UInt64(littleEndian: raw.src_cid), port: UInt32(littleEndian: raw.src_port))
        destination = VsockAddress(cid: UInt64(littleEndian: raw.dst_cid), port: UInt32(littleEndian: raw.dst_port))
        length = UInt32(littleEndian: raw.len)
        type = UInt16(littleEndian: raw.type)
        operation = VsockOperation(rawValue: UInt16(littleEndian: raw.op))
        flags = UInt32(littleEndian: raw.flags)
        bufferAllocation = UInt32(littleEndian: raw.buf_alloc)
        forwardCount = UInt32(littleEndian: raw.fwd_cnt)
    }

    /// As it lies in a buffer.
    var raw: virtio_vsock_hdr {
        virtio_vsock_hdr(
            src_cid: source.cid.littleEndian, dst_cid: destination.cid.littleEndian,
            src_port: source.port.littleEndian, dst_port: destination.port.littleEndian, len: length.littleEndian,
            type: type.littleEndian, op: (operation?.rawValue ?? 0).littleEndian, flags: flags.littleEndian,
            buf_alloc: bufferAllocation.littleEndian, fwd_cnt: forwardCount.littleEndian)
    }

    /// What answers a packet that belongs to no connection.
    var refusal: VsockHeader {
        var refusal = VsockHeader(from: destination, to: source, .reset)
        refusal.type = type
        return refusal
    }
}

/// One end of a connection.
public struct VsockAddress: Equatable, Sendable {
    /// The context: of the host, or of a guest.
    public var cid: UInt64
    public var port: UInt32

    /// The host's context (virtio 1.3 §5.10.4).
    public static let hostCID: UInt64 = 2

    public init(cid: UInt64, port: UInt32) {
        self.cid = cid
        self.port = port
    }
}

/// What a packet is for (virtio 1.3 §5.10.6).
public enum VsockOperation: UInt16, Sendable {
    /// Asks for a connection.
    case request = 1
    /// Takes one.
    case response = 2
    /// Refuses a connection, or ends it at once, or confirms its end.
    case reset = 3
    case shutdown = 4
    /// Carries bytes.
    case readWrite = 5
    case creditUpdate = 6
    /// Asks for a `creditUpdate`.
    case creditRequest = 7
}

/// What the sender of a shutdown will not do any more (virtio 1.3 §5.10.6.5).
struct VsockShutdown: OptionSet, Sendable {
    let rawValue: UInt32

    static let receive = VsockShutdown(rawValue: VIRTIO_VSOCK_SHUTDOWN_RCV.rawValue)
    static let send = VsockShutdown(rawValue: VIRTIO_VSOCK_SHUTDOWN_SEND.rawValue)
    static let both: VsockShutdown = [.receive, .send]
}
