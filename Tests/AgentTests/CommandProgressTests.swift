import Testing

@testable import Agent

struct CommandProgressTests {
    private static let exit: CommandExit = {
        var payload = PayloadReader([UInt8](repeating: 0, count: 40))
        return try! CommandExit(&payload)
    }()

    private func progress(
        awaitsStreams: Bool = false, _ events: [AgentEvent] = [.started(pid: 1)]
    ) throws -> CommandProgress {
        var progress = CommandProgress(outputs: [.output, .errors], awaitsStreams: awaitsStreams)
        for event in events { try progress.receive(event) }
        return progress
    }

    @Test func isOverOnceAllThatItWroteHasCome() throws {
        var progress = try progress()
        try progress.receive(.exited(Self.exit))
        try progress.receive(.outputComplete(.output, bytes: 10))
        #expect(!progress.isOver)
        try progress.receive(.outputComplete(.errors, bytes: 0))
        progress.outputs[.output]?.delivered = 9
        #expect(!progress.isOver)
        progress.outputs[.output]?.delivered = 10
        #expect(progress.isOver)
        #expect(progress.ending == .ended(Self.exit, lostOutput: false))
    }

    @Test func waitsForStreamsWhereThatIsAskedFor() throws {
        var progress = try progress(awaitsStreams: true)
        for event in [
            .exited(Self.exit), .outputComplete(.output, bytes: 0), .outputComplete(.errors, bytes: 0),
        ] as [AgentEvent] {
            try progress.receive(event)
        }
        #expect(!progress.isOver)
        progress.outputs[.output]?.hasEnded = true
        #expect(!progress.isOver)
        progress.outputs[.errors]?.hasEnded = true
        #expect(progress.isOver)
    }

    @Test func knowsWhatWasLost() throws {
        var progress = try progress()
        for event in [
            .exited(Self.exit), .outputComplete(.output, bytes: 10), .outputComplete(.errors, bytes: 0),
        ] as [AgentEvent] {
            try progress.receive(event)
        }
        progress.outputs[.output]?.delivered = 9
        progress.outputs[.output]?.hasEnded = true
        #expect(progress.isOver)
        #expect(progress.ending == .ended(Self.exit, lostOutput: true))
        progress.outputs[.output]?.isUnwanted = true
        #expect(progress.ending == .ended(Self.exit, lostOutput: false))
    }

    @Test func aStreamThatFailedIsNotWaitedFor() throws {
        var progress = try progress()
        for event in [
            .exited(Self.exit), .streamFailed(.output, errno: 104), .outputComplete(.errors, bytes: 0),
        ] as [AgentEvent] {
            try progress.receive(event)
        }
        #expect(progress.isOver)
        #expect(progress.ending == .ended(Self.exit, lostOutput: true))
    }

    @Test(
        arguments: [
            [.exited(exit)], [.done], [.started(pid: 1), .started(pid: 1)],
            [.started(pid: 1), .failed(step: 6, errno: 2)],
            [.failed(step: 6, errno: 2), .started(pid: 1)], [.started(pid: 1), .exited(exit), .exited(exit)],
            [.outputComplete(.input, bytes: 0)],
            [.outputComplete(.output, bytes: 0), .outputComplete(.output, bytes: 0)],
            [.hello(version: 1, capabilities: [])],
        ] as [[AgentEvent]])
    func refusesWhatCannotBe(events: [AgentEvent]) {
        #expect(throws: AgentError.self) { _ = try progress(events) }
    }

    @Test(
        arguments: [
            (RequestStep.execution, 2, 127), (.execution, 13, 126), (.execution, 40, 126), (.directory, 2, 126),
            (.resources, 11, nil), (.user, 1, nil), (nil, 2, nil),
        ] as [(RequestStep?, Int32, UInt8?)])
    func hasAShellsStatus(step: RequestStep?, errno: Int32, status: UInt8?) throws {
        let progress = try progress([.failed(step: step?.rawValue ?? 99, errno: errno)])
        #expect(progress.isOver)
        #expect(progress.ending == .notStarted(step, errno: errno))
        #expect(progress.ending.shellStatus == status)
    }
}
