import CLinux
import Foundation
import Linux
import TemporaryFiles

@testable import Agent

/// The agent as an ordinary process of this machine, and the host's side of its protocol in this one.
final class AgentProcess {
    struct Outcome: Equatable {
        /// As a shell's `$?` has it; nil where it is not known.
        let status: Int?
        let output: [UInt8]
        let errors: [UInt8]
    }

    struct Timeout: Error {}

    /// Where `make firmware` leaves it.
    static let path =
        (ProcessInfo.processInfo.environment["SWIFTLET_FIRMWARE"]
            ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../.build/firmware").path)
        + "/agent"

    private static let patience: UInt64 = 30_000_000_000

    let loop: EventLoop
    private let directory = try? TemporaryDirectory()
    private let process = Process()
    private let control: UnixListener
    private let streams: UnixListener
    private var session: AgentSession?
    private(set) var end: AgentError?

    init() throws {
        loop = try EventLoop(name: "test")
        let socket = (directory?.path ?? "") + "/s"
        control = try UnixListener(path: "\(socket)_\(AgentProtocol.controlPort)")
        streams = try UnixListener(path: "\(socket)_\(AgentProtocol.streamPort)")
        let session = try AgentSession(loop: loop) { [unowned self] event in
            if case .ended(let error) = event { end = error }
        }
        self.session = session
        try loop.watch(control.descriptor.rawValue, for: .readable) { [unowned self] _ in
            if let descriptor = try? control.accept() { session.acceptControl(descriptor) }
        }
        try loop.watch(streams.descriptor.rawValue, for: .readable) { [unowned self] _ in
            if let descriptor = try? streams.accept() { session.acceptStream(descriptor) }
        }
        process.executableURL = URL(fileURLWithPath: Self.path)
        process.arguments = [socket]
        try process.run()
    }

    /// Has the agent go, and waits for that.
    func stop() throws {
        session?.powerOff()
        try turn { end != nil }
        process.waitUntilExit()
    }

    /// Runs a command to its end, with a file as its stdin.
    func run(_ request: CommandRequest, input: TemporaryFile? = nil) throws -> Outcome {
        var request = request
        (request.uid, request.gid) = (getuid(), getgid())
        let (output, errors) = (try TemporaryFile([]), try TemporaryFile([]))
        let descriptors = [try output.open(O_WRONLY), try errors.open(O_WRONLY)] + [try input?.open(O_RDONLY) ?? -1]
        defer { for descriptor in descriptors where descriptor >= 0 { close(descriptor) } }
        var ending: CommandEnding?
        let command = try session?.run(
            request,
            streams: CommandStreams(
                input: descriptors[2] < 0 ? nil : descriptors[2], output: descriptors[0], errors: descriptors[1])
        ) { event in
            if case .over(let how) = event { ending = how }
        }
        try turn { ending != nil }
        withExtendedLifetime(command) {}
        return Outcome(
            status: ending?.shellStatus.map(Int.init),
            output: Array(try Data(contentsOf: URL(fileURLWithPath: output.path))),
            errors: Array(try Data(contentsOf: URL(fileURLWithPath: errors.path))))
    }

    /// Has the agent do what is about no command.
    ///
    /// - Returns: what it could not do.
    func perform(_ request: GuestRequest) throws -> AgentRequestError? {
        var answer: AgentRequestError??
        session?.perform(request) { answer = .some($0) }
        try turn { answer != nil }
        return answer ?? nil
    }

    private func turn(until isDone: () -> Bool) throws {
        var isLate = false
        let timer = loop.schedule(after: Self.patience) { isLate = true }
        while !isDone() {
            if isLate { throw Timeout() }
            loop.turn(waiting: true)
        }
        loop.cancel(timer)
    }
}
