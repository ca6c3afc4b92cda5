import Agent
import ControlMessages
import Glibc
import Linux
import Testing

@testable import Control

/// Commands of a client's in a guest that never answers.
final class GuestCommandsTests {
    private let loop: EventLoop
    private let session: AgentSession
    private let answers: NonblockingPipe
    private let writer: MessageWriter
    private let pending: PendingRequests
    private let commands: GuestCommands

    init() throws {
        // As in the program itself: a copy that is given up writes to a pipe that nobody reads.
        signal(SIGPIPE, SIG_IGN)
        loop = try EventLoop(name: "test")
        let session = try AgentSession(loop: loop) { _ in }
        self.session = session
        answers = try NonblockingPipe()
        writer = try MessageWriter(answers.writing ?? -1, on: loop)
        pending = PendingRequests(on: loop)
        commands = GuestCommands(
            on: loop, .init(wrote: { _ in }, exited: { _ in }), completions: try Completions(on: loop)
        ) { try session.run($0, streams: $1, report: $2) }
        commands.agentChanged(.ready)
    }

    private func reply<Result>(_ id: Int64) throws -> Reply<Result> {
        Reply(to: try #require(pending.open(.number(id), writer: writer, timeout: nil)))
    }

    /// Whether no command is left, once the loop has turned for a while.
    private func comesToAnEnd(_ begin: (@escaping () -> Void) -> Void) -> Bool {
        var isOver = false
        begin { isOver = true }
        for _ in 0..<60_000 where !isOver {
            loop.turn(waiting: false)
            usleep(1000)
        }
        return isOver
    }

    @Test(arguments: [true, false])
    func aCopyThatIsGivenUpIsOver(out: Bool) throws {
        if out {
            try commands.copyOut(FSCopyOut.Params(source: "/a", target: "/nowhere/to"), reply(1))
        } else {
            try commands.copyIn(FSCopyIn.Params(source: "/etc/passwd", target: "/a"), reply(1))
        }
        pending.cancel(.number(1))
        #expect(comesToAnEnd { commands.finish($0) })
    }

    @Test func aClientThatIsGoneIsNotKept() throws {
        try commands.start(ExecStart.Params(command: ["true"]), reply(1))
        try commands.copyOut(FSCopyOut.Params(source: "/a", target: "/nowhere/to"), reply(2))
        #expect(comesToAnEnd { commands.hangUp($0) })
    }
}
