import System

/// A stream's connection to the host: opened, and introduced by the stream's header.
final class StreamConnection {
    enum Progress {
        case isOpen
        case waits
        case failed(CInt)
    }

    let socket: CInt
    private let header: [UInt8]
    private var isOpen = false

    /// - Parameter socket: on its way to the host's port for streams; closed with this object.
    init(_ socket: CInt, token: [UInt8], command: UInt32, stream: Protocol.Stream) {
        self.socket = socket
        var header = token
        header.append(number: command)
        header.append(number: stream.rawValue)
        self.header = header
    }

    deinit { close(socket) }

    /// Goes on with opening; to be called whenever the socket is ready.
    ///
    /// - Parameter events: of the socket.
    func open(_ events: CInt) -> Progress {
        if isOpen { return .isOpen }
        let error = socket_error(socket)
        if error != 0 { return .failed(error) }
        guard events & EPOLLOUT != 0 else { return events & EPOLLHUP != 0 ? .failed(ECONNRESET) : .waits }
        // A connection that is new has room for so few bytes.
        guard write(header, count: header.count) == header.count else { return .failed(last_error()) }
        isOpen = true
        return .isOpen
    }

    func write(_ bytes: UnsafeRawPointer, count: Int) -> Int {
        send(socket, bytes, count, CInt(MSG_NOSIGNAL))
    }
}

extension [UInt8] {
    mutating func append<Number: FixedWidthInteger>(number: Number) {
        for index in 0..<MemoryLayout<Number>.size {
            append(UInt8(truncatingIfNeeded: number >> (8 * index)))
        }
    }
}

/// Bytes on their way from one descriptor to another.
final class StreamBuffer {
    static let capacity = 64 << 10

    private let storage = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    private var start = 0
    private var end = 0

    deinit { storage.deallocate() }

    var isEmpty: Bool { start == end }

    /// Fills the buffer, which is empty.
    ///
    /// - Returns: as read(2) does.
    func fill(from descriptor: CInt) -> Int {
        let count = read(descriptor, storage, Self.capacity)
        (start, end) = (0, max(count, 0))
        return count
    }

    /// - Parameter write: takes some of the bytes, and returns how many; negative for a failure.
    /// - Returns: false after a failure.
    func drain(_ write: (UnsafeRawPointer, Int) -> Int) -> Bool {
        while start < end {
            let count = write(storage + start, end - start)
            if count < 0 { return false }
            start += count
        }
        return true
    }

    /// What the last byte was.
    var last: UInt8? { end > 0 ? storage.load(fromByteOffset: end - 1, as: UInt8.self) : nil }
}
