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
            the exit status is then 0.
            """)

    @Option(help: "What becomes of the machine when the client is gone: kill, or stop to press its power button first.")
    var onDisconnect = ControlServer.DisconnectPolicy.kill

    @Option(
        help: ArgumentHelp(
            "Listen for the client at a Unix socket, which is removed when it came, instead of stdin and stdout.",
            valueName: "path"))
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

        let clientProcess = try client.map {
            try ClientProcess($0, on: loop) { server?.shutDown(onDisconnect) }
        }
        if clientProcess?.hasEnded == true { return }

        func serve(input: CInt, output: CInt) throws {
            let made = try ControlServer(
                input: input, output: output, on: loop, version: Swiftlet.configuration.version,
                policy: onDisconnect, cache: UserDirectories.cache.map { KernelCache(directory: $0 + "/kernels") })
            server = made
            try made.start()
            while !made.hasEnded { loop.turn(waiting: true) }
        }
        if let socket {
            func isWanted() -> Bool { endingSignal == nil && clientProcess?.hasEnded != true }
            if let connection = try Self.client(at: socket, loop, while: isWanted) {
                try serve(input: connection.rawValue, output: connection.rawValue)
            }
        } else {
            try serve(input: STDIN_FILENO, output: output.rawValue)
        }
        if let endingSignal { ProcessSignals.die(of: endingSignal) }
    }

    /// Waits for a client.
    ///
    /// - Returns: its connection; nil when it need not come any more.
    private static func client(
        at path: String, _ loop: EventLoop, while isWanted: () -> Bool
    ) throws(SystemCallError) -> OwnedDescriptor? {
        let listener = try UnixListener(path: path)
        let watch = try loop.watch(listener.descriptor.rawValue, for: .readable) { _ in }
        defer { loop.remove(watch) }
        while isWanted() {
            if let client = try listener.accept() { return client }
            loop.turn(waiting: true)
        }
        return nil
    }
}

extension ControlServer.DisconnectPolicy: ExpressibleByArgument {}
