public import ControlMessages

/// Commands in a guest whose configuration has an `agent`. As many as 64 run at once. They are waited for until the guest has
/// booted, and end with it.
extension MicroVM {
    /// Starts a command. Returns when it has become the program. Its stdin is open until `GuestCommand.closeInput`.
    ///
    /// When the task is cancelled, the command is hung up, should it come to run: it gets SIGHUP, and SIGKILL two seconds
    /// later.
    ///
    /// - Parameters:
    ///   - command: the program, looked for in the `PATH` of its environment unless it has a slash, and its arguments.
    ///   - environment: what it has besides the usual `PATH`, and `HOME`, or instead of them.
    ///   - directory: its working directory in the guest, an absolute path; nil for `/`.
    ///   - user, group: the guest's, as numbers; nil for the group of the user's number.
    ///   - terminal: the size of its terminal, in characters; nil for none.
    /// - Throws: `ControlError` of kind `.notFound` or `.permission`, whose field is `/command`, when the program is not there
    ///   or cannot be executed, `.guest` when the guest cannot start it, `.unsupported` when the machine has no agent,
    ///   `.resource` when too many commands run.
    public func startCommand(
        _ command: [String], environment: [String: String] = [:], directory: String? = nil, user: UInt32 = 0,
        group: UInt32? = nil, terminal: TerminalSize? = nil
    ) async throws -> GuestCommand {
        var params = ExecStart.Params(command: command)
        let usual = ExecStart.usualEnvironment(uid: user).map { ($0.key, $0.value) }
        params.environment = environment.merging(usual) { given, _ in given }
        params.directory = directory
        (params.uid, params.gid) = (user, group ?? user)
        params.terminal = terminal
        params.stdin = true
        params.window = CommandBuffer.window
        let buffer = CommandBuffer()
        process.perform { [params] in $0.start(params, buffer) }
        do {
            return GuestCommand(try await buffer.awaitStart(), buffer, in: self)
        } catch {
            hangUp(buffer)
            throw error
        }
    }

    /// Runs `body` with a command, which is hung up, unless it has ended, when `body` ends or the task is cancelled.
    ///
    /// Returns when the command has ended. A task that is cancelled does not wait for that, and others not longer than ten
    /// seconds after SIGKILL, as a guest may keep the end to itself.
    ///
    /// - Parameters: as in `startCommand`.
    /// - Throws: what `startCommand` and `body` throw.
    nonisolated(nonsending) public func withCommand<Result>(
        _ command: [String], environment: [String: String] = [:], directory: String? = nil, user: UInt32 = 0,
        group: UInt32? = nil, terminal: TerminalSize? = nil,
        _ body: nonisolated(nonsending) (GuestCommand) async throws -> Result
    ) async throws -> Result {
        let command = try await startCommand(
            command, environment: environment, directory: directory, user: user, group: group, terminal: terminal)
        do {
            let result = try await withTaskCancellationHandler {
                try await body(command)
            } onCancel: {
                command.hangUp()
            }
            await command.end()
            return result
        } catch {
            await command.end()
            throw error
        }
    }

    /// Runs a command to its end. When the task is cancelled, or there is too much output, the command is hung up: it gets
    /// SIGHUP, and SIGKILL two seconds later.
    ///
    /// - Parameters:
    ///   - command, environment, directory, user, group: as in `startCommand`.
    ///   - input: its stdin, of which it need not take all.
    ///   - outputLimit: bytes that it may write, to stdout and stderr together.
    /// - Returns: what it wrote and how it ended, whether well or not.
    /// - Throws: what `startCommand` throws, `MicroVMError.tooMuchOutput`, `MicroVMError.commandLost` when the machine ended
    ///   first.
    public func execute(
        _ command: [String], environment: [String: String] = [:], directory: String? = nil, user: UInt32 = 0,
        group: UInt32? = nil, input: some Sequence<UInt8> = [], outputLimit: Int = 16 << 20
    ) async throws -> GuestCommand.Completion {
        let input = Array(input)
        return try await withCommand(
            command, environment: environment, directory: directory, user: user, group: group
        ) { command in
            // Of no more interest once the command has ended, or its machine, which its output tells.
            async let _ = command.feed(input)
            var (stdout, stderr): ([UInt8], [UInt8]) = ([], [])
            for try await piece in command.output {
                switch piece.stream {
                case .stdout: stdout += piece.bytes
                case .stderr: stderr += piece.bytes
                }
                guard stdout.count + stderr.count <= outputLimit else {
                    throw MicroVMError.tooMuchOutput(limit: outputLimit)
                }
            }
            return GuestCommand.Completion(stdout: stdout, stderr: stderr, end: try await command.wait())
        }
    }

    func hangUp(_ buffer: CommandBuffer) {
        process.perform { $0.hangUp(buffer) }
    }

    func acknowledge(_ count: Int, of buffer: CommandBuffer) {
        if count > 0 { process.perform { $0.acknowledge(count, of: buffer) } }
    }
}

extension GuestCommand {
    /// What a command came to that ran by itself.
    public struct Completion: Sendable {
        public let stdout: [UInt8]
        public let stderr: [UInt8]
        /// With `code`, the status that it exited with, or with `signal`.
        public let end: CommandEnd

        /// What it wrote to stdout as text; bytes that are none are replaced.
        public var output: String { String(decoding: stdout, as: UTF8.self) }
        /// The same of stderr.
        public var errors: String { String(decoding: stderr, as: UTF8.self) }
    }

    /// Gives it all its input, of which it takes what it likes before its end.
    fileprivate func feed(_ input: [UInt8]) async throws {
        try await write(input)
        try await closeInput()
    }

    /// Brings it to its end, and waits for that unless the task is cancelled.
    fileprivate func end() async {
        hangUp()
        _ = try? await wait()
    }
}
