import MachineConfiguration

/// Runs `body` with a machine, which is gone when this returns, however `body` ends. When the task is cancelled, the
/// machine is killed at once.
///
/// - Parameters:
///   - configuration, unreadConsole: as in `MicroVM.start`.
/// - Throws: what `MicroVM.start` and `body` throw.
nonisolated(nonsending) public func withMicroVM<Result>(
    _ configuration: VMConfiguration, unreadConsole: MicroVM.UnreadConsole = .dropsOldest,
    _ body: nonisolated(nonsending) (MicroVM) async throws -> Result
) async throws -> Result {
    let vm = try await MicroVM.start(configuration, unreadConsole: unreadConsole)
    do {
        let result = try await withTaskCancellationHandler {
            try await body(vm)
        } onCancel: {
            vm.abandon()
        }
        await vm.end()
        return result
    } catch {
        await vm.end()
        throw error
    }
}

extension MicroVM {
    /// What a machine came to that ran by itself.
    public struct Completion: Sendable {
        public let ending: VMEnding
        /// All that its console printed.
        public let console: [UInt8]

        /// The same as text; bytes that are none are replaced.
        public var output: String { String(decoding: console, as: UTF8.self) }
    }

    /// Runs a machine to its end. When the task is cancelled, the machine is killed.
    ///
    /// - Parameters:
    ///   - configuration: as in `MicroVM.start`.
    ///   - outputLimit: bytes that the console may print.
    /// - Throws: what `MicroVM.start` throws, and `MicroVMError.tooMuchOutput`.
    public static func run(_ configuration: VMConfiguration, outputLimit: Int = 16 << 20) async throws -> Completion {
        try await withMicroVM(configuration, unreadConsole: .holdsGuest) { vm in
            var console: [UInt8] = []
            for await bytes in vm.console {
                console += bytes
                guard console.count <= outputLimit else { throw MicroVMError.tooMuchOutput(limit: outputLimit) }
            }
            return Completion(ending: try await vm.wait(), console: console)
        }
    }
}
