import ControlMessages
import Glibc

/// The guest's commands that tasks have started.
extension ServerProcess {
    /// How long after SIGHUP a command may take to end.
    private static let hangUpGrace: UInt64 = 2_000_000_000
    /// How long after SIGKILL the guest may take to tell of the end.
    private static let killGrace: UInt64 = 10_000_000_000

    /// Starts a command, of which `buffer` is to tell. All that the server tells of a command comes after its answer.
    func start(_ params: ExecStart.Params, _ buffer: CommandBuffer) {
        send(ExecStart.self, params) { [unowned self] answer in
            if case .success(let started) = answer { commands[started.id] = buffer }
            buffer.started(answer.map(\.id))
            if buffer.isAbandoned { hangUp(buffer) }
        }
    }

    /// Lets the guest write as many more bytes.
    func acknowledge(_ count: Int, of buffer: CommandBuffer) {
        guard let id = running(buffer) else { return }
        send(ExecAck.self, ExecAck.Params(id: id, bytes: count)) { _ in }
    }

    /// Brings a command to its end that nobody wants any more.
    func hangUp(_ buffer: CommandBuffer) {
        guard buffer.abandon(), let id = running(buffer) else { return }
        acknowledge(buffer.discard(), of: buffer)
        send(ExecSignal.self, ExecSignal.Params(id: id, signal: SIGHUP)) { _ in }
        after(Self.hangUpGrace) { process in
            guard process.running(buffer) != nil else { return }
            process.send(ExecSignal.self, ExecSignal.Params(id: id, signal: SIGKILL)) { _ in }
            process.after(Self.killGrace) { process in process.lose(buffer) }
        }
    }

    /// Waits no more for a guest that does not tell of a command's end, which it may never do.
    private func lose(_ buffer: CommandBuffer) {
        guard let id = running(buffer) else { return }
        commands[id] = nil
        buffer.finish(.failure(MicroVMError.commandLost(reason: "the guest did not tell of its end after SIGKILL")))
    }

    /// - Returns: what the command is called; nil before its start and after its end.
    private func running(_ buffer: CommandBuffer) -> UInt32? {
        buffer.id.flatMap { commands[$0] == nil ? nil : $0 }
    }

    // MARK: What the server says

    func wrote(_ output: ExecOutput) {
        guard let buffer = commands[output.id] else { return }
        let count = buffer.append(GuestCommand.Piece(stream: output.stream, bytes: output.text.bytes))
        if count > 0 { acknowledge(count, of: buffer) }
    }

    func ended(_ exited: ExecExited) {
        let end = exited.end
        let isKnown = end.code != nil || end.signal != nil
        commands.removeValue(forKey: exited.id)?.finish(
            isKnown ? .success(end) : .failure(MicroVMError.commandLost(reason: end.message ?? "nobody told")))
    }

    /// Ends all that tasks wait for, as there is nobody any more who could tell them.
    func loseCommands(_ ending: Result<VMEnding, MicroVMError>) {
        let error: MicroVMError
        switch ending {
        case .success(let ending): error = .commandLost(reason: "the machine came to its end first (\(ending.cause))")
        case .failure(let failure): error = failure
        }
        for buffer in commands.values { buffer.finish(.failure(error)) }
        commands = [:]
    }
}
