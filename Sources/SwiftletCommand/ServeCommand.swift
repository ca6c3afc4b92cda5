import ArgumentParser
import Boot
import Control
import Glibc
import Linux

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves one virtual machine to a program: JSON-RPC 2.0 on stdin and stdout, a message a line.",
        discussion: """
            Nothing but messages is written to stdout. When stdin ends, the client is gone, and its machine with it; \
            the exit status is then 0. What can be asked and is told, 'swiftlet schema' describes.

            Examples:
              echo '{"jsonrpc":"2.0","id":1,"method":"server.info"}' | swiftlet serve
              swiftlet serve --socket vm.sock &
              socat - UNIX-CONNECT:vm.sock
            """)

    @Option(
        help: ArgumentHelp(
            """
            What becomes of a running machine when the client is gone: kill; stop, which presses its power button first; \
            or detach, which lets it go on, and another client come to its socket.
            """, valueName: "action"))
    var onDisconnect = ControlServer.DisconnectPolicy.kill

    @Option(
        help: ArgumentHelp(
            "Listen for the client at a Unix socket instead of stdin and stdout.", valueName: "path"),
        completion: .file())
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "The client's process: when it ends, the client is gone, whoever else still holds its end of stdin.",
            valueName: "pid"))
    var client: Int32?

    func run() throws {
        ProcessSignals.ignoreFileSizeLimit()
        let signals = try SignalDescriptor(ProcessSignals.takeOver())
        let output = try StandardStreams.takeOutput()
        let loop = try EventLoop(name: "main")
        var server: ControlServer?
        var endingSignal: CInt?
        try loop.watch(signals.descriptor.rawValue, for: .readable) { _ in
            while let signal = signals.next() {
                switch signal {
                case SIGTSTP: raise(SIGSTOP)
                case SIGCONT, SIGWINCH: break
                default:
                    server?.shutDown(endingSignal == nil && signal != SIGQUIT ? .stop : .kill)
                    endingSignal = signal
                }
            }
        }

        let made = try ControlServer(
            on: loop, version: Swiftlet.configuration.version, policy: onDisconnect,
            cache: UserDirectories.kernelCache)
        server = made
        let clientProcess = try client.map { try ClientProcess($0, on: loop) { made.disconnect() } }
        if clientProcess?.hasEnded == true { return }
        if let socket {
            let clients = try ClientSocket(path: socket, on: loop, takesSeveral: onDisconnect == .detach) { client in
                try made.connect(input: client, output: client)
            }
            made.clientWanted = onDisconnect == .detach ? { clients.listen() } : nil
            withExtendedLifetime(clients) { Self.turn(loop, until: { made.hasEnded }) }
        } else {
            try made.connect(input: STDIN_FILENO, output: output.rawValue)
            Self.turn(loop, until: { made.hasEnded })
        }
        if let endingSignal { ProcessSignals.die(of: endingSignal) }
    }

    private static func turn(_ loop: EventLoop, until isDone: () -> Bool) {
        while !isDone() { loop.turn(waiting: true) }
    }
}

extension ControlServer.DisconnectPolicy: ExpressibleByArgument {}
