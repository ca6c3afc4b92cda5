import ControlMessages
import Linux
import MachineConfiguration

/// A virtual machine that runs.
///
/// It is a process of its own, `swiftlet serve`, and does not outlive this object, nor the process that it was started
/// by, however that ends. `withMicroVM` ends it at a certain place.
///
/// Requests throw `ControlError` for what Swiftlet refuses, `MicroVMError` when the machine's process is lost, and
/// `CancellationError` when their task is cancelled, which leaves the machine as it is.
public final class MicroVM: Sendable {
    /// What becomes of output of the console that nobody reads.
    public enum UnreadConsole: Sendable {
        /// While nobody reads, the guest goes on, and only the latest 256 KiB are kept. While somebody reads, nothing is
        /// dropped, and a guest that prints faster waits.
        case dropsOldest
        /// Nothing is dropped: with 256 KiB unread, the guest waits for who reads.
        case holdsGuest
    }

    /// The machine's process.
    public let pid: Int32
    let shared: ServerProcess.Shared
    private let program: ServerProgram
    let process: LoopConfined<ServerProcess>
    /// As the caller knows it.
    private let configuration: VMConfiguration

    /// Makes a machine and starts it. When this is cancelled, or throws, nothing is left of it.
    ///
    /// - Parameters:
    ///   - configuration: relative paths in it are relative to this process's working directory; a card's `fd` is
    ///     duplicated for the machine. With `console.output` other than `.events`, there is nothing to read in `console`.
    ///   - unreadConsole: whether the guest has to wait when nobody reads its console.
    /// - Throws: `MicroVMError` when there is no usable program `swiftlet`, `ControlError` for a configuration that cannot
    ///   be.
    public static func start(
        _ configuration: VMConfiguration, unreadConsole: UnreadConsole = .dropsOldest
    ) async throws -> MicroVM {
        try await start(configuration, unreadConsole: unreadConsole, program: try ServerProgram.find())
    }

    static func start(
        _ configuration: VMConfiguration, unreadConsole: UnreadConsole, program: ServerProgram
    ) async throws -> MicroVM {
        try Task.checkCancellation()
        let vm = try await MicroVM(configuration, unreadConsole, program)
        do {
            try await vm.awaitHello()
            _ = try await vm.call(VMCreate.self, VMCreate.Params(config: vm.programConfiguration))
            _ = try await vm.call(VMStart.self, NoFields())
        } catch {
            await vm.end()
            throw error
        }
        return vm
    }

    private init(
        _ configuration: VMConfiguration, _ unreadConsole: UnreadConsole, _ program: ServerProgram
    ) async throws {
        self.configuration = configuration
        self.program = program
        let shared = ServerProcess.Shared(console: ConsoleBuffer(isAwaited: unreadConsole == .holdsGuest))
        self.shared = shared
        let descriptors = configuration.nets.compactMap(\.fd)
        let loop = try SharedLoop.get()
        let started = AsyncConditionLock<Result<(LoopConfined<ServerProcess>, Int32), any Error>?>(nil)
        loop.perform {
            let result = Result {
                let process = try ServerProcess(program: program, descriptors: descriptors, shared: shared, on: loop)
                return (LoopConfined(process, loop: loop), process.pid)
            }
            started.withLock { $0 = result }
        }
        // Not to be left in between.
        let result = await started.wait(heedingCancellation: false) { $0 }
        guard let result else { throw CancellationError() }
        (process, pid) = try result.get()
    }

    deinit {
        process.perform { $0.abandon() }
    }

    // MARK: Requests

    /// Stops the guest: once this has returned, no vCPU runs its code until `resume`.
    public func pause() async throws {
        _ = try await call(VMPause.self, NoFields())
    }

    public func resume() async throws {
        _ = try await call(VMResume.self, NoFields())
    }

    /// Types at the guest's console. Returns when the bytes are on their way; the guest takes them when it likes.
    ///
    /// - Parameter bytes: at most 512 KiB at a time.
    /// - Throws: `ControlError` of kind `.resource` when more than 1 MiB would wait for the guest.
    public func write(_ bytes: some Sequence<UInt8>) async throws {
        let bytes = Array(bytes)
        guard bytes.count <= Self.longestWrite else {
            throw ControlError(
                .invalidArgument, "\(bytes.count) bytes are too many for one write",
                hint: "write \(Self.longestWrite) at a time")
        }
        _ = try await call(ConsoleWrite.self, .bytes(bytes))
    }

    /// Types text at the guest's console.
    public func write(_ text: String) async throws {
        try await write(text.utf8)
    }

    /// In base64 they fit into a line of the control channel.
    private static let longestWrite = 512 << 10

    /// What the machine is; after its end, what it was at its end.
    public func get() async throws -> Description {
        var description = try await call(VMGet.self, orLast: \.lastDescription)
        description.config.console.output = configuration.console.output
        for (index, net) in configuration.nets.enumerated() where description.config.nets.indices.contains(index) {
            description.config.nets[index].fd = net.fd
        }
        return description
    }

    /// What the machine has done so far; after its end, all that it had done.
    public func stats() async throws -> Statistics {
        try await call(VMStats.self, orLast: \.lastStatistics)
    }

    /// The machine's state, configuration and devices.
    public typealias Description = VMGet.Result
    /// The machine's exits by kind, run times, memory, and lost output.
    public typealias Statistics = VMStats.Result

    // MARK: Its end

    /// Presses the guest's power button, and kills the machine when it still runs after the grace.
    ///
    /// - Returns: how it ended; nothing is left of it.
    /// - Throws: `MicroVMError` when it died otherwise.
    @discardableResult
    public func stop(grace: Duration = .seconds(2)) async throws -> VMEnding {
        let grace = Milliseconds(clamping: grace)
        process.perform { $0.stop(grace: grace) }
        return try await wait()
    }

    /// Ends the machine at once. A cancelled task can do this as well.
    ///
    /// - Returns: how it ended, which may have been before; nothing is left of it.
    /// - Throws: `MicroVMError` when it died otherwise.
    @discardableResult
    public func kill() async throws -> VMEnding {
        process.perform { $0.kill() }
        return try await end(heedingCancellation: false)
    }

    /// Waits for the machine's end, however that comes.
    ///
    /// - Returns: how it ended; nothing is left of it.
    /// - Throws: `MicroVMError` when its process died otherwise.
    public func wait() async throws -> VMEnding {
        try await end(heedingCancellation: true)
    }

    private func end(heedingCancellation: Bool) async throws -> VMEnding {
        let ending = await shared.status.wait(heedingCancellation: heedingCancellation) { $0.ending }
        guard let ending else { throw CancellationError() }
        return try ending.get()
    }

    /// Has the machine killed soon.
    func abandon() {
        process.perform { $0.abandon() }
    }

    /// Kills the machine and waits until nothing is left of it.
    func end() async {
        abandon()
        _ = await shared.status.wait(heedingCancellation: false) { $0.ending }
    }

    // MARK: The process

    func resumeConsole() {
        process.perform { $0.resumeConsole() }
    }

    private func awaitHello() async throws {
        let answer = await shared.status.wait { status -> Result<Hello, MicroVMError>? in
            if let hello = status.hello { return .success(hello) }
            if case .failure(let error)? = status.ending { return .failure(error) }
            return nil
        }
        guard let answer else { throw CancellationError() }
        let hello = try answer.get()
        guard hello.isUnderstood else {
            throw MicroVMError.incompatible(path: program.path, version: hello.version, protocol: hello.protocol)
        }
    }

    /// - Parameter endsWhenCancelled: whether the server is to give the request up when the task is cancelled.
    func call<Method: ControlMethod>(
        _ method: Method.Type, _ params: Method.Params, endsWhenCancelled: Bool = false
    ) async throws -> Method.Result {
        let request = AsyncConditionLock<(id: Int64?, answer: Result<Method.Result, any Error>?)>((nil, nil))
        process.perform { process in
            let id = process.send(method, params) { answer in request.withLock { $0.answer = answer } }
            request.peek { $0.id = id }
        }
        guard let answer = await request.wait(for: { $0.answer }) else {
            if endsWhenCancelled {
                process.perform { process in if let id = request.peek({ $0.id }) { process.giveUp(id) } }
            }
            throw CancellationError()
        }
        return try answer.get()
    }

    private func call<Method: ControlMethod>(
        _ method: Method.Type, orLast last: KeyPath<ServerProcess.Status, Method.Result?> & Sendable
    ) async throws -> Method.Result where Method.Params == NoFields {
        do {
            return try await call(method, NoFields())
        } catch let error as ControlError where [.invalidState, .cancelled].contains(error.kind) {
            // It came to its end, or is about to.
            _ = try await wait()
            guard let last = shared.status.peek({ $0[keyPath: last] }) else { throw error }
            return last
        }
    }

    /// The same machine as its process sees it, whose descriptors have other numbers than here.
    private var programConfiguration: VMConfiguration {
        var result = configuration
        if configuration.console.output == .events {
            // A pipe of its own: so the guest's output can wait for its readers, and answers need not.
            result.console.output = .file(path: "/proc/self/fd/\(ServerPipes.consoleNumber)")
        }
        var number = Int32(ServerPipes.consoleNumber)
        for index in result.nets.indices where result.nets[index].fd != nil {
            number += 1
            result.nets[index].fd = number
        }
        return result
    }
}
