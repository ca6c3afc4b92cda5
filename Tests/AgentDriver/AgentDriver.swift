import Agent
import ArgumentParser
import CLinux
import Linux

/// Runs one command through a guest's agent, whose ports are Unix sockets: what a vsock device or a test's agent connects to.
@main
struct AgentDriver: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent-driver",
        abstract: "Run a command in a guest whose vsock device has its sockets at PATH.",
        discussion: """
            Stdin, stdout, stderr and the exit status are the command's; 125 when it could not be known. SIGINT and \
            SIGTERM go to the command. With --power-off, the guest powers off afterwards.
            """)

    @Argument(help: "The beginning of the sockets' paths.")
    var path: String

    @Flag(help: "Give the command a terminal of 24 rows and 80 columns.")
    var terminal = false

    @Flag(help: "Power the guest off at the end.")
    var powerOff = false

    @Option(help: "The guest's user and group.")
    var user: UInt32 = 0

    @Argument(parsing: .captureForPassthrough, help: "The command and its arguments.")
    var command: [String]

    func run() throws {
        let signals = SignalSet([SIGINT, SIGTERM])
        signals.block()
        let loop = try EventLoop(name: "driver")
        let control = try UnixListener(path: "\(path)_\(AgentProtocol.controlPort)")
        let streams = try UnixListener(path: "\(path)_\(AgentProtocol.streamPort)")
        let forwarded = try SignalDescriptor(signals)

        var status: CInt?
        let session = try AgentSession(loop: loop) { event in
            if case .ended(let error) = event, status == nil {
                say("\(error)")
                status = 125
            }
        }
        try loop.watch(control.descriptor.rawValue, for: .readable) { _ in
            if let descriptor = try? control.accept() { session.acceptControl(descriptor) }
        }
        try loop.watch(streams.descriptor.rawValue, for: .readable) { _ in
            if let descriptor = try? streams.accept() { session.acceptStream(descriptor) }
        }
        var request = CommandRequest(command.first == "--" ? Array(command.dropFirst()) : command)
        request.environment = [Array("PATH=/bin:/usr/bin".utf8)]
        (request.uid, request.gid) = (user, user)
        if terminal { request.terminal = .init(rows: 24, columns: 80) }
        let command = try session.run(
            request, streams: CommandStreams(input: STDIN_FILENO, output: STDOUT_FILENO, errors: STDERR_FILENO)
        ) { event in
            if case .over(let ending) = event {
                if ending.shellStatus == nil { say("\(ending)") }
                status = ending.shellStatus.map(CInt.init) ?? 125
            }
        }
        try loop.watch(forwarded.descriptor.rawValue, for: .readable) { _ in
            while let signal = forwarded.next() { command.signal(signal) }
        }
        while status == nil { loop.turn(waiting: true) }
        if powerOff { awaitPowerOff(session, loop) }
        throw ExitCode(status ?? 125)
    }

    /// Powers the guest off, and waits until its agent has gone.
    private func awaitPowerOff(_ session: AgentSession, _ loop: EventLoop) {
        session.powerOff()
        while session.isOpen { loop.turn(waiting: true) }
    }

    private func say(_ text: String) {
        let line = Array("agent-driver: \(text)\n".utf8)
        write(STDERR_FILENO, line, line.count)
    }
}
