import CLinux
import ControlMessages
import Devices
import Linux
import Machine
import MachineConfiguration
import Synchronization

/// A machine's console as its client has it: input as requests, output wherever the configuration says.
final class MachineConsole {
    /// The client's concern with the console.
    struct Listener {
        let printed: (ConsoleText) -> Void
        /// The output cannot be written any more, for the reason in the sentence, and is lost.
        let failed: (String) -> Void
        /// There is no more output. Called once, after `finish` or `abandon`.
        let ended: () -> Void
    }

    /// What the console's thread tells.
    private final class Mailbox: Sendable {
        let changed: EventCounter
        let events = Mutex<[ConsoleEvent]>([])

        init() throws(SystemCallError) {
            changed = try EventCounter()
        }
    }

    private let machine: Machine
    private let loop: EventLoop
    private let listener: Listener
    private let input: GuestInput
    /// Nil where the output is not for the client.
    private let output: GuestOutput?
    /// Where the console's thread writes.
    private let destination: OwnedDescriptor
    private let mailbox: Mailbox
    private var watch: EventLoop.Watch?
    private var thread: ConsoleThread?

    init(
        of machine: Machine, _ configuration: VMConfiguration.Console, on loop: EventLoop, _ listener: Listener
    ) throws(SystemCallError) {
        self.machine = machine
        self.loop = loop
        self.listener = listener
        input = try GuestInput(on: loop)
        mailbox = try Mailbox()
        output =
            configuration.output == .events
            ? try GuestOutput(on: loop, deliver: listener.printed, ended: listener.ended) : nil
        destination = try Self.open(configuration.output, client: output)
    }

    private static func open(
        _ destination: VMConfiguration.Console.Output, client: GuestOutput?
    ) throws(SystemCallError) -> OwnedDescriptor {
        switch destination {
        case .events: try OwnedDescriptor.duplicating(client?.descriptor ?? -1)
        case .inherit: try OwnedDescriptor.duplicating(STDERR_FILENO)
        case .discard: try OwnedDescriptor.open("/dev/null", O_WRONLY)
        case .file(let path):
            // A named pipe without a reader is an error, and not a reason to wait.
            try OwnedDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK, mode: 0o600)
        }
    }

    var isForClient: Bool { output != nil }

    /// Begins to move bytes; to be called before the machine's start.
    func start() throws(SystemCallError) {
        watch = try loop.watch(mailbox.changed.descriptor.rawValue, for: .readable) { [unowned self] _ in takeMail() }
        thread = try ConsoleThread(
            console: machine.console, port: machine.consolePort, input: input.descriptor, output: destination.rawValue,
            tap: { [machine] in machine.observe(console: $0) },
            report: { [mailbox] event in
                mailbox.events.withLock { $0.append(event) }
                mailbox.changed.signal()
            })
    }

    func write(_ bytes: [UInt8]) throws(ControlError) {
        try input.write(bytes)
    }

    /// Lets the client have no more output for the time being.
    func holdBack(_ isHeldBack: Bool) {
        output?.isHeldBack = isHeldBack
    }

    /// Comes to the end once all output is where it belongs. No vCPU may run any more.
    func finish() {
        input.stop()
        guard thread != nil else { return hasEnded() }
        thread?.finish()
    }

    /// Comes to the end at once, and drops what the client did not read.
    func abandon() {
        input.stop()
        thread?.stop()
        output?.abandon()
    }

    private func takeMail() {
        mailbox.changed.drain()
        var events: [ConsoleEvent] = []
        mailbox.events.withLock { swap(&events, &$0) }
        for event in events {
            switch event {
            case .outputFailed(let error): listener.failed("console output is lost from now on: \(error)")
            case .inputFailed(let error): listener.failed("console input has no effect from now on: \(error)")
            case .inputEnded, .leaveRequested: break
            case .ended:
                if let watch = watch.take() { loop.remove(watch) }
                thread.take()?.join()
                hasEnded()
            }
        }
    }

    /// The console's thread will print no more.
    private func hasEnded() {
        if let output { output.finish() } else { listener.ended() }
    }
}
