import System

/// A command of the host's, from its start until its process and its streams have ended.
final class Command: PollerClient {
    let id: UInt32
    private(set) var pid: pid_t = 0
    private let agent: Agent
    private var input: InputStream?
    private var output: OutputStream?
    private var errors: OutputStream?
    /// A terminal's master; -1 without one.
    private var terminal: CInt = -1
    /// Where the child tells that it could not become the program; closed by that.
    private var report: CInt = -1
    private var hasEnded = false
    private var limitsBefore = CommandGroup.Events.now
    private var root: UnsafeMutablePointer<CChar>?

    init(_ agent: Agent, id: UInt32) {
        self.agent = agent
        self.id = id
    }

    deinit {
        if terminal >= 0 { close(terminal) }
        free(root)
    }

    /// Whether nothing is left of it.
    var isOver: Bool {
        hasEnded && report < 0 && (input?.isEnded ?? true) && (output?.isEnded ?? true) && (errors?.isEnded ?? true)
    }

    // MARK: Start

    /// - Returns: false, with `errno` set, where descriptors or processes have run out.
    func start(_ request: ExecRequest) -> Bool {
        var child = ChildDescriptors()
        defer { child.closeAll() }
        guard request.hasTerminal ? openTerminal(request, &child) : openPipes(request, &child) else { return false }
        guard let ends = child.pipe(nonblocking: .reading) else { return false }
        child.report = ends.writing
        let pid = fork()
        if pid == 0 { becomeProgram(request, child, isInit: agent.isInit) }
        guard pid > 0 else {
            close(ends.reading)
            return false
        }
        self.pid = pid
        if request.root[0] != 0 { root = strdup(request.root) }
        report = ends.reading
        agent.poller.watch(report, for: EPOLLIN, self)
        return true
    }

    func startStreams() {
        input?.start()
        output?.start()
        errors?.start()
    }

    private func openPipes(_ request: ExecRequest, _ child: inout ChildDescriptors) -> Bool {
        if request.hasInput {
            guard let ends = child.pipe(nonblocking: .writing) else { return false }
            child.input = ends.reading
            fchown(ends.reading, request.uid, request.gid)
            input = InputStream(agent, command: id, target: ends.writing, isTerminal: false)
        } else {
            child.input = child.owned(open_file(text("/dev/null"), O_RDONLY))
        }
        for number in [Protocol.Stream.output, .errors] {
            guard let ends = child.pipe(nonblocking: .reading) else { return false }
            // Who runs it may open /dev/stdout again.
            fchown(ends.writing, request.uid, request.gid)
            let stream = OutputStream(agent, command: id, number, source: ends.reading, isTerminal: false)
            if number == .output {
                child.output = ends.writing
                output = stream
            } else {
                child.errors = ends.writing
                errors = stream
            }
        }
        return child.input >= 0
    }

    private func openTerminal(_ request: ExecRequest, _ child: inout ChildDescriptors) -> Bool {
        terminal = open_file(text("/dev/ptmx"), O_RDWR | O_NOCTTY | O_NONBLOCK)
        var unlocked: CInt = 0
        guard terminal >= 0, control(terminal, CInt(bitPattern: UInt32(TIOCSPTLCK)), &unlocked) == 0 else {
            return false
        }
        let slave = child.owned(open_peer(terminal))
        guard slave >= 0 else { return false }
        var size = request.size
        _ = control(terminal, CInt(TIOCSWINSZ), &size)
        fchown(slave, request.uid, request.gid)
        (child.input, child.output, child.errors, child.hasTerminal) = (slave, slave, slave, true)
        let reading = duplicate(terminal)
        guard reading >= 0 else { return false }
        output = OutputStream(agent, command: id, .output, source: reading, isTerminal: true)
        if request.hasInput {
            let writing = duplicate(terminal)
            guard writing >= 0 else { return false }
            input = InputStream(agent, command: id, target: writing, isTerminal: true)
        }
        return true
    }

    /// The child has become the program, or tells why it could not.
    override func ready(_ descriptor: CInt, _ events: CInt) {
        readReport()
    }

    private func readReport() {
        guard report >= 0 else { return }
        var failure = ChildFailure()
        let count = read(report, &failure, MemoryLayout<ChildFailure>.size)
        agent.poller.forget(report)
        close(report)
        report = -1
        if count == MemoryLayout<ChildFailure>.size {
            discardStreams()
            pid = 0
            hasEnded = true
            agent.tellFailure(id, failure.step, failure.errno)
        } else {
            agent.control?.send(.started, id) { $0.append(number: pid) }
        }
        agent.streamEnded()
    }

    // MARK: Life

    /// Sends a signal to its process group.
    func signal(_ number: UInt32) {
        // The process is not yet reaped, so that no other can have its number.
        if pid > 0, !hasEnded { kill(-pid, CInt(bitPattern: number)) }
    }

    func resize(_ size: winsize) {
        var size = size
        if terminal >= 0 { _ = control(terminal, CInt(TIOCSWINSZ), &size) }
    }

    // MARK: End

    /// Its process has ended.
    ///
    /// - Parameter status: as wait4(2) has it.
    func ended(_ status: CInt, _ usage: rusage) {
        readReport()
        guard !hasEnded else { return }
        hasEnded = true
        let signal = status & 0x7F
        let how: UInt32 = signal == 0 ? 0 : status & 0x80 == 0 ? 1 : 2
        agent.control?.send(.exited, id) {
            $0.append(number: how)
            $0.append(number: signal == 0 ? status >> 8 & 0xFF : signal)
            $0.append(number: usage.ru_utime.microseconds)
            $0.append(number: usage.ru_stime.microseconds)
            $0.append(number: UInt64(usage.ru_maxrss))
            $0.append(number: limitsMet)
            $0.append(number: 0 as UInt32)
        }
        output?.commandEnded()
        errors?.commandEnded()
        agent.streamEnded()
    }

    /// The limits that it, or another command meanwhile, ran into, as bits.
    private var limitsMet: UInt32 {
        let isDiskFull = root.map { is_full($0) != 0 } ?? false
        return CommandGroup.Events.now.limits(since: limitsBefore) | (isDiskFull ? Protocol.Limit.disk : 0)
    }

    func discardStreams() {
        input?.discard()
        output?.discard()
        errors?.discard()
    }
}

extension timeval {
    fileprivate var microseconds: UInt64 { UInt64(tv_sec) &* 1_000_000 &+ UInt64(tv_usec) }
}
