import Virtio

/// A message on a console's control queues (virtio 1.3 §5.3.6.2).
struct ControlMessage: Equatable {
    enum Event {
        static let deviceReady: UInt16 = 0
        static let portAdd: UInt16 = 1
        static let portReady: UInt16 = 3
        static let consolePort: UInt16 = 4
        static let resize: UInt16 = 5
        static let portOpen: UInt16 = 6
        static let portName: UInt16 = 7
    }

    /// Bytes of a message without what follows it.
    static let headerSize = 8

    let port: UInt32
    let event: UInt16
    let value: UInt16
    /// What follows: a port's name, or a console's size.
    let payload: [UInt8]

    init(port: UInt32, event: UInt16, value: UInt16 = 1, payload: [UInt8] = []) {
        self.port = port
        self.event = event
        self.value = value
        self.payload = payload
    }

    /// Takes a driver's message; what follows it has no meaning.
    init(_ buffers: SegmentList) throws(QueueError) {
        guard let header: UInt64 = buffers.load() else {
            throw .malformed("a control message of \(buffers.byteCount) bytes")
        }
        let word = UInt64(littleEndian: header)
        self.init(
            port: UInt32(truncatingIfNeeded: word), event: UInt16(truncatingIfNeeded: word >> 32),
            value: UInt16(truncatingIfNeeded: word >> 48))
    }

    var bytes: [UInt8] {
        let header = UInt64(port) | UInt64(event) << 32 | UInt64(value) << 48
        return withUnsafeBytes(of: header.littleEndian) { Array($0) } + payload
    }
}
