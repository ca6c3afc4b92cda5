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

    func run() throws {
        ProcessSignals.ignoreFileSizeLimit()
        let signals = try SignalDescriptor(ProcessSignals.takeOver())
        let output = try StandardStreams.takeOutput()
        let loop = try EventLoop(name: "main")
        let server = try ControlServer(
            input: STDIN_FILENO, output: output.rawValue, on: loop, version: Swiftlet.configuration.version,
            policy: onDisconnect, cache: UserDirectories.cache.map { KernelCache(directory: $0 + "/kernels") })

        var endingSignal: CInt?
        try loop.watch(signals.descriptor.rawValue, for: .readable) { _ in
            while let signal = signals.next() {
                switch signal {
                case SIGTSTP: raise(SIGSTOP)
                case SIGCONT, SIGWINCH: break
                default:
                    server.shutDown(endingSignal == nil && signal != SIGQUIT ? .stop : .kill)
                    endingSignal = signal
                }
            }
        }
        try server.start()
        while !server.hasEnded { loop.turn(waiting: true) }
        if let endingSignal { ProcessSignals.die(of: endingSignal) }
    }
}

extension ControlServer.DisconnectPolicy: ExpressibleByArgument {}
