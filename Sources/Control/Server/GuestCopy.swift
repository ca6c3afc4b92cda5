import Agent
import CLinux
import ControlMessages
import Glibc
import Linux
import SystemPackage
import TreeStream

/// Files on their way into a guest, or out of it: a process of the agent's on one side, a thread on the other, and a pipe in
/// between, on which each waits for the other.
final class GuestCopy {
    enum Direction {
        case into, out
    }

    /// Permission bits that files of a guest's may get here.
    private static let hostMask: UInt32 = 0o777
    /// Bytes of what the guest tells about an error.
    private static let longestPlace = 4096

    private let direction: Direction
    private let path: String
    private let guestPath: String
    private let reply: Reply<CopyResult>
    private let loop: EventLoop
    private let over: () -> Void
    /// The guest's ends of the pipe and of its stderr; closed when its process has ended.
    private var guestEnd: OwnedDescriptor?
    private var guestErrors: OwnedDescriptor?
    private let errors: OwnedDescriptor
    private var thread: NativeThread?
    private var summary: TreeSummary?
    private var ending: CommandEnding?
    /// Nil before it was asked for.
    var command: GuestCommand?

    /// - Parameters:
    ///   - completions: stay as long as the loop.
    ///   - over: called once, when it has been answered.
    init(
        _ direction: Direction, host path: String, guest guestPath: String, on loop: EventLoop,
        _ completions: Completions<TreeSummary>,
        _ reply: Reply<CopyResult>, over: @escaping () -> Void
    ) throws(SystemCallError) {
        self.direction = direction
        self.path = path
        self.guestPath = guestPath
        self.loop = loop
        self.reply = reply
        self.over = over
        var (reading, writing) = (CInt(-1), CInt(-1))
        (reading, writing) = try Self.pipe()
        errors = OwnedDescriptor(adopting: reading)
        guestErrors = OwnedDescriptor(adopting: writing)
        _ = fcntl(errors.rawValue, F_SETFL, O_NONBLOCK)
        (reading, writing) = try Self.pipe()
        // A machine's end does not wait for a file system of the host's.
        let done = completions.expect { [weak self] summary in
            guard let self else { return }
            thread.take()?.join()
            self.summary = summary
            finishIfOver()
        }
        switch direction {
        case .into:
            guestEnd = OwnedDescriptor(adopting: reading)
            thread = try Self.start(writing, done) { TreeSender(to: $0).send(path) }
        case .out:
            guestEnd = OwnedDescriptor(adopting: writing)
            thread = try Self.start(reading, done) {
                // The guest has no say in what is overwritten.
                TreeReceiver(from: $0, mask: Self.hostMask)
                    .receive(at: Array(path.utf8), as: TreeTop.name(of: Array(guestPath.utf8)))
            }
        }
        reply.whenGivenUp { [weak self] in self?.giveUp() }
    }

    private static func pipe() throws(SystemCallError) -> (reading: CInt, writing: CInt) {
        var ends = [2 of CInt](repeating: -1)
        var span = ends.mutableSpan
        try span.withUnsafeMutableBufferPointer { ends throws(SystemCallError) in
            _ = try systemCall("pipe2") { pipe2(ends.baseAddress, O_CLOEXEC) }
        }
        return (ends[0], ends[1])
    }

    /// Has `work` done on a thread of its own, which then closes the descriptor.
    private static func start(
        _ number: CInt, _ done: @escaping @Sendable (TreeSummary) -> Void,
        _ work: @escaping @Sendable (CInt) -> TreeSummary
    ) throws(SystemCallError) -> NativeThread {
        do {
            return try NativeThread(name: "copying") {
                let end = OwnedDescriptor(adopting: number)
                let summary = work(end.rawValue)
                _ = consume end
                done(summary)
            }
        } catch {
            close(number)
            throw error
        }
    }

    /// Where the guest's process has its streams.
    var streams: CommandStreams {
        let errors = Self.number(guestErrors)
        switch direction {
        case .into: return CommandStreams(input: Self.number(guestEnd), output: errors, errors: errors)
        case .out: return CommandStreams(input: nil, output: Self.number(guestEnd), errors: errors)
        }
    }

    private static func number(_ descriptor: borrowing OwnedDescriptor?) -> CInt {
        switch descriptor {
        case .some(let descriptor): descriptor.rawValue
        case .none: -1
        }
    }

    /// Ends it, whatever the guest does.
    func giveUp() {
        command?.signal(SIGKILL)
        command?.abandon()
    }

    /// The guest's process has ended, or never began.
    func ended(_ ending: CommandEnding) {
        self.ending = ending
        // Whoever is at the other end of the pipe is not to wait any more.
        loop.defer { [self] in
            guestEnd = nil
            guestErrors = nil
            finishIfOver()
        }
    }

    private func finishIfOver() {
        guard let summary, let ending, Self.number(guestEnd) == -1 else { return }
        if let error = error(summary, ending) {
            reply.fail(error)
        } else {
            reply.succeed(CopyResult(members: summary.members, bytes: summary.bytes))
        }
        over()
    }

    // MARK: Errors

    /// What went wrong first, if anything: a pipe that broke is the other side's doing.
    private func error(_ host: TreeSummary, _ ending: CommandEnding) -> ControlError? {
        let isHostsOwn = host.error != 0 && host.error != EPIPE
        switch ending {
        case .ended(let exit, _) where exit.cause == .exited(0):
            return host.error == 0 ? nil : hostError(host)
        case _ where isHostsOwn: return hostError(host)
        case .ended(let exit, _):
            guard case .exited(let code) = exit.cause else {
                return ControlError(.guest, "the copying was ended in the guest")
            }
            return Self.error(
                Int32(code), "in the guest, \(place(guestPlace, below: guestPath, isSource: direction == .out))",
                field: direction == .into ? "/target" : "/source")
        case .notStarted(_, let errno):
            return ControlError(.guest, "the guest cannot copy: \(Errno(rawValue: errno))", errno: errno)
        case .unknown(let error): return ControlError(.guest, "\(error)")
        }
    }

    private func hostError(_ summary: TreeSummary) -> ControlError {
        let place = place(Self.text(summary.place), below: path, isSource: direction == .into)
        return Self.error(summary.error, place, field: direction == .into ? "/source" : "/target")
    }

    /// A place within the tree, whose top is what a source is called, or what is made in a target.
    private func place(_ place: String, below path: String, isSource: Bool) -> String {
        if place.isEmpty || place == path { return path }
        guard isSource else { return "\(path): \(place)" }
        return path + place.drop { $0 != "/" }
    }

    private static func error(_ errno: Int32, _ place: String, field: String) -> ControlError {
        let reason = Errno(rawValue: errno)
        let kind: ControlError.Kind =
            switch reason {
            case .noSuchFileOrDirectory, .notDirectory: .notFound
            case .permissionDenied, .notPermitted, .readOnlyFileSystem: .permission
            case .noSpace, .tooManyOpenFiles: .resource
            default: .io
            }
        let message = reason == .notSupportedOnSocket ? "it is neither a file nor a directory nor a link" : "\(reason)"
        return ControlError(kind, "\(place): \(message)", field: field, errno: errno)
    }

    /// Where something went wrong in the guest.
    private var guestPlace: String {
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.longestPlace) { buffer, count in
            count = max(read(errors.rawValue, buffer.baseAddress, buffer.count), 0)
        }
        return Self.text(bytes)
    }

    private static func text(_ place: [UInt8]) -> String {
        String(decoding: place, as: UTF8.self).replacingControls()
    }
}
