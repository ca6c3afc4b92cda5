/// What is known of a command: from its request until its process has ended and its output has come.
struct CommandProgress {
    /// An output stream's.
    struct Output {
        /// How much the command itself wrote, once that is known.
        var expected: UInt64?
        /// Bytes that have been taken off the stream, and delivered.
        var delivered: UInt64 = 0
        /// The stream has come to its end.
        var hasEnded = false
        /// The agent could not send it.
        var hasFailed = false
        /// Whoever was to have it does not take it any more.
        var isUnwanted = false
    }

    /// Whether what others write to the command's streams after its end belongs to it.
    let awaitsStreams: Bool
    private(set) var pid: UInt32?
    private(set) var exit: CommandExit?
    private(set) var failure: (step: UInt32, errno: Int32)?
    var outputs: [CommandStream: Output]

    init(outputs: [CommandStream], awaitsStreams: Bool) {
        self.awaitsStreams = awaitsStreams
        self.outputs = Dictionary(uniqueKeysWithValues: outputs.map { ($0, Output()) })
    }

    /// - Throws: `violation` for what cannot come now.
    mutating func receive(_ event: AgentEvent) throws(AgentError) {
        switch event {
        case .started(let pid) where self.pid == nil && failure == nil && exit == nil: self.pid = pid
        case .failed(let step, let errno) where pid == nil && failure == nil: failure = (step, errno)
        case .exited(let exit) where pid != nil && self.exit == nil: self.exit = exit
        case .outputComplete(let stream, let bytes) where outputs[stream] != nil:
            guard outputs[stream]?.expected == nil else {
                throw .violation("twice how much a command wrote to a stream")
            }
            outputs[stream]?.expected = bytes
        case .streamFailed(let stream, _):
            outputs[stream]?.hasFailed = true
        default: throw .violation("news of a command that cannot be: \(event)")
        }
    }

    /// Whether all that is to be said about the command can be said.
    var isOver: Bool {
        failure != nil || exit != nil && outputs.values.allSatisfy(isComplete)
    }

    var ending: CommandEnding {
        if let failure { return .notStarted(RequestStep(rawValue: failure.step), errno: failure.errno) }
        guard let exit else { return .unknown(.closed) }
        let isLost = outputs.values.contains { output in
            !output.isUnwanted && output.delivered < output.expected ?? .max
        }
        return .ended(exit, lostOutput: isLost)
    }

    private func isComplete(_ output: Output) -> Bool {
        if output.isUnwanted || output.hasFailed { return true }
        guard let expected = output.expected else { return false }
        return output.hasEnded || !awaitsStreams && output.delivered >= expected
    }
}
