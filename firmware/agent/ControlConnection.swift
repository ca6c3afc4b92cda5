import System

/// The control connection: frames of the host's, and frames for it.
final class ControlConnection: PollerClient {
    private let socket: CInt
    private let poller: Poller
    private unowned(unsafe) let agent: Agent
    private var received: [UInt8] = []
    private var waiting: [UInt8] = []
    private var hasEnded = false

    /// - Parameter socket: connected, and closed with this object.
    init(_ socket: CInt, agent: Agent) {
        self.socket = socket
        self.agent = agent
        poller = agent.poller
    }

    deinit { close(socket) }

    func start() {
        poller.watch(socket, for: EPOLLIN, self)
    }

    func stop() {
        hasEnded = true
        poller.forget(socket)
    }

    /// - Parameter payload: appends it.
    func send(_ kind: Protocol.Kind, _ id: UInt32, _ payload: (inout [UInt8]) -> Void = { _ in }) {
        var body: [UInt8] = []
        payload(&body)
        waiting.append(number: UInt32(body.count))
        waiting.append(number: kind.rawValue)
        waiting.append(number: 0 as UInt16)
        waiting.append(number: id)
        waiting.append(contentsOf: body)
        flush()
    }

    func refuse(_ kind: UInt16, _ id: UInt32, _ reason: Protocol.Refusal) {
        send(.refused, id) {
            $0.append(number: kind)
            $0.append(number: reason.rawValue)
        }
    }

    override func ready(_ descriptor: CInt, _ events: CInt) {
        flush()
        if waiting.count < Protocol.mostWaiting { receive() }
        if !hasEnded { arm() }
    }

    private func arm() {
        let reading = waiting.count < Protocol.mostWaiting ? EPOLLIN : 0
        poller.arm(socket, for: reading | (waiting.isEmpty ? 0 : EPOLLOUT))
    }

    private func flush() {
        guard !hasEnded, !waiting.isEmpty else { return }
        let count = System.send(socket, waiting, waiting.count, CInt(MSG_NOSIGNAL))
        if count > 0 {
            waiting.removeFirst(count)
        } else if last_error() != EAGAIN {
            return end()
        }
        if !waiting.isEmpty { arm() }
    }

    private func receive() {
        let size = 64 << 10
        let start = received.count
        received.append(contentsOf: repeatElement(0, count: size))
        let count = received.withUnsafeMutableBytes { read(socket, $0.baseAddress! + start, size) }
        let error = last_error()
        received.removeLast(size - max(count, 0))
        if count == 0 || count < 0 && error != EAGAIN { return end() }
        serve()
    }

    /// Serves the frames that have come completely.
    private func serve() {
        var position = 0
        while !hasEnded, received.count - position >= Protocol.headerSize {
            let length = Int(number(at: position, UInt32.self))
            let kind = number(at: position + 4, UInt16.self)
            let reserved = number(at: position + 6, UInt16.self)
            let id = number(at: position + 8, UInt32.self)
            guard length <= Protocol.longestPayload else {
                refuse(kind, id, .badLength)
                return end()
            }
            let start = position + Protocol.headerSize
            guard received.count - start >= length else { break }
            position = start + length
            if reserved != 0 {
                refuse(kind, id, .malformed)
            } else {
                received.withUnsafeBytes {
                    agent.receive(kind, id, UnsafeRawBufferPointer(rebasing: $0[start..<start + length]))
                }
            }
        }
        received.removeFirst(position)
    }

    private func number<Number: FixedWidthInteger>(at position: Int, _: Number.Type) -> Number {
        received.withUnsafeBytes {
            Number(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: Number.self))
        }
    }

    func end() {
        guard !hasEnded else { return }
        stop()
        agent.hostHasGone()
    }
}
