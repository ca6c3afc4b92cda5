import ControlMessages

/// A command that runs in a guest.
///
/// It has its process, and its process group, in the guest. It does not depend on this object: when nobody has that any more,
/// the command runs on, its output is dropped and its input stays open, until it ends by itself or with its machine.
/// `MicroVM.withCommand` ends it at a certain place. Whoever has a command has its machine.
///
/// What concerns the command throws `ControlError` of kind `.invalidState` when it has ended; requests throw
/// `MicroVMError` when the machine's process is lost, and `CancellationError` when their task is cancelled, which leaves the
/// command as it is.
public final class GuestCommand: Sendable {
    /// Bytes of one request, of which many can be on their way.
    private static let chunk = 64 << 10

    let vm: MicroVM
    let buffer: CommandBuffer
    private let id: UInt32

    init(_ id: UInt32, _ buffer: CommandBuffer, in vm: MicroVM) {
        self.id = id
        self.buffer = buffer
        self.vm = vm
    }

    deinit { discardOutput() }

    // MARK: Input

    /// Gives the command input. Returns when the command has taken all of it, or has ended; so while nobody reads what the
    /// command writes meanwhile, this may have to wait.
    ///
    /// When the task is cancelled, the command may have taken some of it or may yet do so. Input of several tasks at once
    /// comes in pieces of 64 KiB, in any order.
    ///
    /// - Throws: `ControlError` of kind `.invalidState` also after `closeInput`.
    public func write(_ bytes: some Sequence<UInt8>) async throws {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let chunk = Array(rest.prefix(Self.chunk))
            rest = rest.dropFirst(Self.chunk)
            _ = try await vm.call(ExecWrite.self, ExecWrite.Params(id: id, text: .bytes(chunk), wait: true))
        }
    }

    /// Gives the command text as input.
    public func write(_ text: String) async throws {
        try await write(text.utf8)
    }

    /// Ends the command's input, after what was written.
    public func closeInput() async throws {
        _ = try await vm.call(ExecCloseStdin.self, CommandID(id: id))
    }

    // MARK: Control

    /// Sends a signal to the command's process group. Returns when it is on its way.
    ///
    /// - Parameter number: Linux's, 1 to 64, such as `SIGTERM`.
    public func signal(_ number: Int32) async throws {
        _ = try await vm.call(ExecSignal.self, ExecSignal.Params(id: id, signal: number))
    }

    /// Gives the command's terminal another size, in characters, if it has a terminal.
    public func resize(rows: UInt16, columns: UInt16) async throws {
        _ = try await vm.call(ExecResize.self, ExecResize.Params(id: id, rows: rows, columns: columns))
    }

    /// Sends the command SIGHUP, and SIGKILL unless it has ended two seconds later. Its output is dropped from now on. Returns
    /// at once, and does nothing for a command that has ended; a cancelled task can do this as well.
    public func hangUp() {
        vm.hangUp(buffer)
    }

    // MARK: Its end

    /// Waits until the command has ended and all its output is here. A command of which 256 KiB were not read waits for
    /// that, so read `output`, or drop it by `discardOutput`.
    ///
    /// - Returns: how it ended: with `code`, the status that it exited with, or with `signal`; and what it used.
    /// - Throws: `MicroVMError.commandLost` when the machine ended first, or the guest did not tell of the end of a command
    ///   that was hung up.
    public func wait() async throws -> CommandEnd {
        try await buffer.awaitEnd()
    }
}
