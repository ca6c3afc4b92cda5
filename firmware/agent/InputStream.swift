import System

/// A command's stdin, from the host to a pipe or a terminal.
final class InputStream: PollerClient {
    private let agent: Agent
    private let command: UInt32
    /// A pipe's or a terminal's end for writing; -1 once closed.
    private var target: CInt
    private let isTerminal: Bool
    private var connection: StreamConnection?
    private var isOpen = false
    private var lastByte: UInt8?
    private let buffer = StreamBuffer()

    /// - Parameter target: does not block, and is closed by this object.
    init(_ agent: Agent, command: UInt32, target: CInt, isTerminal: Bool) {
        self.agent = agent
        self.command = command
        self.target = target
        self.isTerminal = isTerminal
    }

    var isEnded: Bool { target < 0 }

    func start() {
        agent.poller.watch(target, for: 0, self)
        guard let connection = agent.openStream(command, .input) else { return fail(last_error()) }
        self.connection = connection
        agent.poller.watch(connection.socket, for: EPOLLOUT, self)
    }

    /// Closes both ends.
    func discard() {
        guard target >= 0 else { return }
        agent.poller.forget(target)
        close(target)
        target = -1
        if let connection { agent.poller.forget(connection.socket) }
        connection = nil
        agent.streamEnded()
    }

    override func ready(_ descriptor: CInt, _ events: CInt) {
        guard target >= 0, let connection else { return }
        if descriptor == target {
            // Without EPOLLOUT it is because nobody is left to read.
            return events & EPOLLOUT != 0 ? flush() : discard()
        }
        if !isOpen {
            switch connection.open(events) {
            case .failed(let errno): return fail(errno)
            case .waits: return agent.poller.arm(connection.socket, for: EPOLLOUT)
            case .isOpen: isOpen = true
            }
            return agent.poller.arm(connection.socket, for: EPOLLIN)
        }
        let count = buffer.fill(from: connection.socket)
        if count < 0, last_error() == EAGAIN { return agent.poller.arm(connection.socket, for: EPOLLIN) }
        if count <= 0 {
            if isTerminal, count == 0 { endTerminalInput() }
            return discard()
        }
        lastByte = buffer.last
        flush()
    }

    private func flush() {
        guard let connection else { return }
        if buffer.drain({ write(target, $0, $1) }) {
            agent.poller.arm(connection.socket, for: EPOLLIN)
            agent.poller.arm(target, for: 0)
        } else if last_error() == EAGAIN {
            agent.poller.arm(target, for: EPOLLOUT)
        } else {
            discard()
        }
    }

    /// Types what ends the input of a program that reads lines: it counts at the start of a line only, and elsewhere ends
    /// the line first.
    private func endTerminalInput() {
        var settings = termios()
        guard tcgetattr(target, &settings) == 0, settings.c_lflag & tcflag_t(ICANON) != 0 else { return }
        let character = end_of_file_character(&settings)
        let isAtStart = (lastByte ?? UInt8(ascii: "\n")) == UInt8(ascii: "\n")
        let bytes = [character, character]
        write(target, bytes, isAtStart ? 1 : 2)
    }

    private func fail(_ errno: CInt) {
        agent.tellStreamFailed(command, .input, errno)
        discard()
    }
}
