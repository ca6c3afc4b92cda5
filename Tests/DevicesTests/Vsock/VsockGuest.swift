import CLinux
import Foundation
import Linux
import Virtio

@testable import Devices

/// A guest's side of a `VsockSwitch`, whose loop runs only when it is told to.
final class VsockGuest {
    static let cid: UInt64 = 3

    /// A packet for the guest.
    struct Packet {
        let header: VsockHeader
        let payload: [UInt8]

        var operation: VsockOperation? { header.operation }
    }

    let directory: String
    let loop: EventLoop
    private(set) var connections: VsockSwitch

    /// The beginning of the paths of the host's sockets.
    var path: String { directory + "/s" }

    init(limits: VsockLimits = VsockLimits(), ownPorts: VsockPorts = [:], hasSocket: Bool = true) throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "v-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        loop = try EventLoop(name: "test")
        connections = VsockSwitch(
            guestCID: Self.cid, path: hasSocket ? directory + "/s" : nil, ownPorts: ownPorts, loop: loop, limits: limits
        ) {}
    }

    deinit {
        connections.removeAll()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Lets the host's program listen at a port.
    func listen(port: UInt32) throws -> UnixListener {
        try UnixListener(path: "\(path)_\(port)")
    }

    func header(_ operation: VsockOperation, from port: UInt32, to hostPort: UInt32) -> VsockHeader {
        var header = VsockHeader(
            from: VsockAddress(cid: Self.cid, port: port), to: VsockAddress(cid: 2, port: hostPort), operation)
        header.bufferAllocation = 1 << 18
        return header
    }

    /// Sends a packet.
    ///
    /// - Parameter pieces: how many bytes of the payload each buffer has; the last has the rest.
    func send(_ header: VsockHeader, _ payload: [UInt8] = [], pieces: [Int] = []) {
        var header = header
        header.length = UInt32(payload.count)
        var payload = payload
        payload.withUnsafeMutableBytes { bytes in
            var segments: [iovec] = []
            var rest = bytes[...]
            for count in pieces + [.max] where !rest.isEmpty {
                let piece = UnsafeMutableRawBufferPointer(rebasing: rest.prefix(count))
                segments.append(iovec(iov_base: piece.baseAddress, iov_len: piece.count))
                rest = rest.dropFirst(count)
            }
            let count = segments.count
            segments.append(iovec())
            segments.withUnsafeMutableBufferPointer {
                guard let base = $0.baseAddress else { return }
                connections.receive(header, payload: SegmentList(base: base, count: count))
            }
        }
    }

    /// Takes the next packet for the guest; nil when there is none.
    func take(room: Int = 4096) -> Packet? {
        var bytes = [UInt8](repeating: 0, count: room)
        let header = bytes.withUnsafeMutableBytes { bytes in
            var segment = iovec(iov_base: bytes.baseAddress, iov_len: room)
            return connections.nextPacket(payload: SegmentList(base: &segment, count: 1))
        }
        return header.map { Packet(header: $0, payload: Array(bytes.prefix(Int($0.length)))) }
    }

    /// Serves the events at hand, and those that they bring about.
    func turn() {
        for _ in 0..<4 { loop.turn(waiting: false) }
    }

    /// Serves events until `condition` holds, for a minute at most.
    func turn(until condition: () -> Bool) -> Bool {
        for _ in 0..<60_000 {
            loop.turn(waiting: false)
            if condition() { return true }
            usleep(1000)
        }
        return false
    }

    /// Takes packets for a minute at most, until there is no connection.
    ///
    /// - Returns: the last packet's operation; nil when there is a connection still.
    func lastOperation() -> VsockOperation? {
        var operation: VsockOperation?
        let isOver = turn {
            while let packet = take() { operation = packet.operation }
            return connections.connectionCount == 0
        }
        return isOver ? operation : nil
    }

    /// Makes a connection that the guest asks for, and takes the answer.
    ///
    /// - Returns: the host's end, non-blocking.
    func connect(from port: UInt32 = 1000, to listener: borrowing UnixListener, port hostPort: UInt32) throws
        -> HostEnd
    {
        send(header(.request, from: port, to: hostPort))
        let end = HostEnd(try listener.accept())
        turn()
        guard take()?.operation == .response else { throw Failure() }
        return end
    }

    /// Makes a connection that a program of the host's asks for, up to the request.
    ///
    /// - Returns: the program's end, and the request.
    func request(port: UInt32) throws -> (HostEnd, VsockHeader) {
        let program = program(askingFor: port)
        turn()
        guard let request = take()?.header else { throw Failure() }
        return (program, request)
    }

    /// Lets a program of the host's ask for a connection.
    func program(askingFor port: UInt32) -> HostEnd {
        var ends: [CInt] = [0, 0]
        socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
        connections.request(port: port, from: OwnedDescriptor(adopting: ends[0]))
        return HostEnd(OwnedDescriptor(adopting: ends[1]))
    }

    struct Failure: Error {}
}

/// The end of a connection that a program of the host's has.
final class HostEnd {
    private var descriptor: OwnedDescriptor?

    init(_ descriptor: consuming OwnedDescriptor?) {
        self.descriptor = descriptor
    }

    var number: CInt { descriptor?.rawValue ?? -1 }

    /// Writes what the socket takes.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Int {
        send(number, bytes, bytes.count, CInt(MSG_NOSIGNAL))
    }

    /// Reads what is there: nil for nothing yet, an empty array at the end.
    func read(_ limit: Int = 1 << 20) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = recv(number, &bytes, limit, CInt(MSG_DONTWAIT))
        return count < 0 ? nil : Array(bytes.prefix(count))
    }

    func shutDown(_ how: Int) {
        shutdown(number, CInt(how))
    }

    func close() {
        descriptor = nil
    }
}
