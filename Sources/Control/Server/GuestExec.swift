import Agent
import ControlMessages
import Linux

/// A command in the guest as its client has it: input as requests, output as notifications within its window, and its end
/// once all output has been told.
final class GuestExec {
    private let loop: EventLoop
    private var window: Int?
    private let ended: (CommandEnd) -> Void
    private let input: GuestInput?
    private var outputs: [GuestOutput] = []
    private var openOutputs = 0
    /// Bytes that were told and not acknowledged.
    private var unacknowledged = 0
    private var clientIsBehind = false
    private var end: CommandEnd?
    /// Nil before it was asked for.
    var command: GuestCommand?
    private(set) var hasStarted = false

    /// - Parameters:
    ///   - deliver: is given all output.
    ///   - ended: called once, after the last output.
    init(
        _ params: ExecStart.Params, on loop: EventLoop, deliver: @escaping (ExecOutput.Stream, ConsoleText) -> Void,
        ended: @escaping (CommandEnd) -> Void
    ) throws(SystemCallError) {
        self.loop = loop
        window = params.window
        self.ended = ended
        input = params.stdin ? try GuestInput(on: loop) : nil
        let streams: [ExecOutput.Stream] = params.terminal == nil ? [.stdout, .stderr] : [.stdout]
        openOutputs = streams.count
        for stream in streams {
            outputs.append(
                try GuestOutput(
                    on: loop,
                    deliver: { [unowned self] text in
                        unacknowledged += text.bytes.count
                        deliver(stream, text)
                        holdBackIfNeeded()
                    },
                    ended: { [unowned self] in
                        openOutputs -= 1
                        endIfDone()
                    }))
        }
    }

    /// Where the command's streams lead.
    var streams: CommandStreams {
        CommandStreams(
            input: input?.descriptor, output: outputs[0].descriptor, errors: (outputs.last ?? outputs[0]).descriptor)
    }

    var hasEnded: Bool { end != nil }

    // MARK: Requests

    /// - Parameter taken: called once the command has taken them, or will take nothing any more.
    func write(_ bytes: [UInt8], taken: (() -> Void)?) throws(ControlError) {
        guard let input else {
            throw ControlError(.invalidState, "the command has no input", hint: #"start it with "stdin":true"#)
        }
        try input.write(bytes)
        if let taken { input.whenTaken(taken) }
    }

    func closeInput() {
        input?.close()
    }

    func acknowledge(_ count: Int) {
        unacknowledged -= min(count, unacknowledged)
        holdBackIfNeeded()
    }

    /// Lets the client have no more output for the time being.
    func holdBack(_ isBehind: Bool) {
        clientIsBehind = isBehind
        holdBackIfNeeded()
    }

    private func holdBackIfNeeded() {
        let isHeldBack = !hasStarted || clientIsBehind || window.map { unacknowledged >= $0 } ?? false
        for output in outputs where output.isHeldBack != isHeldBack { output.isHeldBack = isHeldBack }
    }

    // MARK: The command

    /// Its output may be told from the next turn of the loop on.
    func started() {
        hasStarted = true
        holdBackIfNeeded()
    }

    /// There will be no more output than what is on its way to the client.
    func finish(_ end: CommandEnd) {
        guard self.end == nil else { return }
        self.end = end
        input?.stop()
        // The pipes hold all of it; each may tell its end at once.
        for output in outputs { output.finish() }
    }

    /// Lets what is left be told as fast as the client reads: whoever waits for the machine's end acknowledges nothing.
    func dropWindow() {
        window = nil
        holdBackIfNeeded()
    }

    /// Does not wait for the client any more.
    func abandon() {
        for output in outputs { output.abandon() }
    }

    private func endIfDone() {
        guard openOutputs == 0, let end else { return }
        ended(end)
    }
}

extension CommandEnd {
    /// - Returns: nil for a command that was never started.
    init?(_ ending: CommandEnding) {
        self.init()
        switch ending {
        case .ended(let exit, let lostOutput):
            switch exit.cause {
            case .exited(let code): self.code = code
            case .signalled(let signal, _): self.signal = signal
            }
            let names: [(LimitsMet, Limit)] = [(.memory, .memory), (.processes, .processes), (.disk, .disk)]
            limits = names.filter { exit.limits.contains($0.0) }.map(\.1)
            userMs = exit.userTime / 1000
            systemMs = exit.systemTime / 1000
            maxResidentKiB = exit.residentMemory
            if lostOutput { message = "a part of its output was lost in the guest" }
        case .unknown(let error): message = "\(error)"
        case .notStarted: return nil
        }
    }
}
