import System

/// A command's stdout or stderr, from a pipe or a terminal to the host.
final class OutputStream: PollerClient {
    /// A terminal keeps fewer bytes that were written and not read yet.
    private static let terminalCapacity: UInt64 = 16 << 10

    private let agent: Agent
    private let command: UInt32
    private let number: Protocol.Stream
    /// A pipe's or a terminal's end for reading; -1 once closed.
    private var source: CInt
    private let isTerminal: Bool
    private var connection: StreamConnection?
    private var isOpen = false
    private let buffer = StreamBuffer()
    /// Bytes read from the source.
    private var total: UInt64 = 0
    private var isComplete = false
    /// Of a terminal whose command has ended: by when all that it wrote has been read.
    private var completeBy: UInt64?

    /// - Parameter source: does not block, and is closed by this object.
    init(_ agent: Agent, command: UInt32, _ number: Protocol.Stream, source: CInt, isTerminal: Bool) {
        self.agent = agent
        self.command = command
        self.number = number
        self.source = source
        self.isTerminal = isTerminal
    }

    var isEnded: Bool { source < 0 }

    func start() {
        agent.poller.watch(source, for: 0, self)
        guard let connection = agent.openStream(command, number) else { return fail(last_error()) }
        self.connection = connection
        agent.poller.watch(connection.socket, for: EPOLLOUT, self)
    }

    /// Tells how much the command has written, as its process has ended.
    func commandEnded() {
        guard source >= 0, !isComplete else { return }
        if isTerminal {
            completeBy = total + Self.terminalCapacity
            if isOpen, buffer.isEmpty { readSource() }
        } else {
            var unread: CInt = 0
            _ = control(source, CInt(bitPattern: UInt32(FIONREAD)), &unread)
            complete(at: total + UInt64(unread))
        }
    }

    /// Closes both ends without a word.
    func discard() {
        guard source >= 0 else { return }
        agent.poller.forget(source)
        close(source)
        source = -1
        if let connection { agent.poller.forget(connection.socket) }
        connection = nil
        agent.streamEnded()
    }

    override func ready(_ descriptor: CInt, _ events: CInt) {
        guard source >= 0, let connection else { return }
        if descriptor == source {
            // What cannot be sent yet must not be read yet; sending it asks again.
            if isOpen, buffer.isEmpty { readSource() }
            return
        }
        if !isOpen {
            switch connection.open(events) {
            case .failed(let errno): return fail(errno)
            case .waits: return agent.poller.arm(connection.socket, for: EPOLLOUT)
            case .isOpen: isOpen = true
            }
        } else if events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) != 0 {
            // The host wants no more.
            return discard()
        }
        flush()
    }

    private func readSource() {
        let count = buffer.fill(from: source)
        if count > 0 {
            total += UInt64(count)
            if let completeBy, total >= completeBy { complete(at: total) }
            flush()
        } else if count < 0, last_error() == EAGAIN {
            if completeBy != nil { complete(at: total) }
            awaitSource()
        } else {
            // The end; a terminal's is an error.
            end()
        }
    }

    private func flush() {
        guard let connection else { return }
        let isSent = buffer.drain { connection.write($0, count: $1) }
        if isSent {
            if completeBy != nil, !isComplete { readSource() } else { awaitSource() }
        } else if last_error() == EAGAIN {
            agent.poller.arm(connection.socket, for: EPOLLOUT | EPOLLRDHUP)
        } else {
            fail(last_error())
        }
    }

    private func awaitSource() {
        guard let connection else { return }
        agent.poller.arm(source, for: EPOLLIN)
        agent.poller.arm(connection.socket, for: EPOLLRDHUP)
    }

    private func complete(at count: UInt64) {
        guard !isComplete else { return }
        isComplete = true
        agent.control?.send(.outputComplete, command) {
            $0.append(number: number.rawValue)
            $0.append(number: 0 as UInt32)
            $0.append(number: count)
        }
    }

    private func end() {
        complete(at: total)
        if let connection { shutdown(connection.socket, CInt(SHUT_WR)) }
        discard()
    }

    private func fail(_ errno: CInt) {
        agent.tellStreamFailed(command, number, errno)
        discard()
    }
}
