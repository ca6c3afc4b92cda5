import Linux
import SystemPackage

/// Where a command's streams lead on the host. The descriptors stay open and as they are.
public struct CommandStreams: Sendable {
    /// nil for none: the command has /dev/null then.
    public var input: CInt?
    public var output: CInt
    /// Of no use with a terminal.
    public var errors: CInt
    /// Whether the command is over only when nobody holds its output open any more, as for who reads a pipe; otherwise
    /// when all that its own process wrote has been delivered.
    public var awaitsStreams = false

    public init(input: CInt?, output: CInt, errors: CInt) {
        self.input = input
        self.output = output
        self.errors = errors
    }
}

/// A command in the guest, used on the thread of its session's loop only.
public final class GuestCommand {
    public enum Event {
        /// It has become the program.
        ///
        /// - Parameter pid: in the guest.
        case started(pid: UInt32)
        /// Its process has ended; of its output, some may still be on its way.
        case exited(CommandExit)
        /// Its input cannot be read any more; for the command, it has ended.
        case inputFailed(Errno)
        /// Whoever was to have the output takes no more; to the command, the stream is closed.
        case outputFailed(CommandStream, Errno)
        /// There will be nothing more.
        case over(CommandEnding)
    }

    public let id: UInt32
    private weak var session: AgentSession?
    private let loop: EventLoop
    private let streams: CommandStreams
    private let report: (Event) -> Void
    private var progress: CommandProgress
    private var input: InputPump?
    private var outputs: [CommandStream: OutputPump] = [:]
    private var opened: Set<CommandStream> = []
    private var isOver = false

    init(
        id: UInt32, session: AgentSession, loop: EventLoop, streams: CommandStreams, hasTerminal: Bool,
        report: @escaping (Event) -> Void
    ) {
        self.id = id
        self.session = session
        self.loop = loop
        self.streams = streams
        self.report = report
        progress = CommandProgress(
            outputs: hasTerminal ? [.output] : [.output, .errors], awaitsStreams: streams.awaitsStreams)
    }

    /// Sends a signal to the command's process group; of no effect when the command has ended.
    ///
    /// - Parameter number: Linux's, from 1 to 64.
    public func signal(_ number: CInt) {
        guard !isOver, (1...64).contains(number) else { return }
        session?.send(.signal, id) { $0.number(UInt32(number)) }
    }

    /// Gives its terminal another size; of no effect without one.
    public func resize(_ size: CommandRequest.TerminalSize) {
        guard !isOver else { return }
        session?.send(.resize, id) {
            $0.number(size.rows)
            $0.number(size.columns)
        }
    }

    /// Has nothing more to do with it, whatever becomes of it in the guest.
    public func abandon() {
        finish(.unknown(.closed))
    }

    // MARK: The session's

    func receive(_ event: AgentEvent) throws(AgentError) {
        try progress.receive(event)
        switch event {
        case .started(let pid): report(.started(pid: pid))
        case .exited(let exit):
            input?.stop()
            report(.exited(exit))
        default: break
        }
        finishIfOver()
    }

    /// Takes a stream's connection. One that the command has not got, or has already, is closed.
    func open(_ stream: CommandStream, _ descriptor: consuming OwnedDescriptor) {
        guard !isOver else { return }
        do throws(SystemCallError) {
            switch stream {
            case .input:
                guard let source = streams.input, opened.insert(stream).inserted else { return }
                input = try InputPump(from: source, to: descriptor, on: loop) { [unowned self] in
                    report(.inputFailed($0))
                }
                if progress.exit != nil { input?.stop() }
            case .output, .errors:
                guard progress.outputs[stream] != nil, opened.insert(stream).inserted else { return }
                outputs[stream] = try OutputPump(
                    from: descriptor, to: stream == .output ? streams.output : streams.errors, on: loop
                ) { [unowned self] in pumped(stream, $0) }
            }
        } catch {
            if stream != .input { pumped(stream, .failed(error.errno)) }
        }
    }

    private func pumped(_ stream: CommandStream, _ event: OutputPump.Event) {
        switch event {
        case .delivered(let count): progress.outputs[stream]?.delivered += UInt64(count)
        case .ended: progress.outputs[stream]?.hasEnded = true
        case .failed(let errno):
            progress.outputs[stream]?.isUnwanted = true
            // A pump that reports cannot go while it does.
            loop.defer { [weak self] in self?.outputs[stream] = nil }
            report(.outputFailed(stream, errno))
        }
        finishIfOver()
    }

    private func finishIfOver() {
        if progress.isOver { finish(progress.ending) }
    }

    func finish(_ ending: CommandEnding) {
        guard !isOver else { return }
        isOver = true
        input?.stop()
        for pump in outputs.values { pump.stop() }
        // What reports cannot go while it does.
        loop.defer { [self] in
            input = nil
            outputs = [:]
        }
        session?.forget(self)
        report(.over(ending))
    }
}
