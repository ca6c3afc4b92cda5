import ControlMessages
import Glibc
import Linux
import SystemPackage

/// What the guest's console, or a command, prints, told to the client as fast as it reads. In between is a pipe: while nobody reads it,
/// the console's ring fills, and the guest finds its transmitter busy.
final class GuestOutput {
    private static let chunk = 16 << 10

    /// While the client does not read, nothing is delivered.
    var isHeldBack = false {
        didSet { if isHeldBack { unwatch() } else { listen() } }
    }

    private let loop: EventLoop
    private let pipe: NonblockingPipe
    private let deliver: (ConsoleText) -> Void
    private var ended: (() -> Void)?
    private var cutter = TextCutter()
    private var watch: EventLoop.Watch?
    private var isFinishing = false
    private var isAbandoned = false

    /// - Parameters:
    ///   - deliver: is given all output, in order; may hold back what follows.
    ///   - ended: called once, after the last output.
    init(
        on loop: EventLoop, deliver: @escaping (ConsoleText) -> Void, ended: @escaping () -> Void
    ) throws(SystemCallError) {
        self.loop = loop
        self.deliver = deliver
        self.ended = ended
        pipe = try NonblockingPipe()
        listen()
    }

    /// Where the guest's console writes.
    var descriptor: CInt { pipe.writing ?? -1 }

    /// To be called when the console has ended: what is in the pipe is all that will come.
    func finish() {
        isFinishing = true
        if isAbandoned { end() } else { read() }
    }

    /// Delivers no more, and does not wait for the client any more.
    func abandon() {
        isAbandoned = true
        unwatch()
        if isFinishing { end() }
    }

    private func listen() {
        guard watch == nil, !isAbandoned else { return }
        watch = try? loop.watch(pipe.reading, for: .readable) { [unowned self] _ in read() }
        // At the end there may be nothing that the watch could tell of.
        if isFinishing { loop.defer { [self] in read() } }
    }

    private func unwatch() {
        if let watch = watch.take() { loop.remove(watch) }
    }

    private func read() {
        while !isHeldBack, !isAbandoned {
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, count in
                count = max(0, Glibc.read(pipe.reading, buffer.baseAddress, buffer.count))
            }
            guard !bytes.isEmpty else {
                if isFinishing {
                    if let text = cutter.rest() { deliver(text) }
                    end()
                }
                return
            }
            if let text = cutter.take(bytes) { deliver(text) }
        }
    }

    private func end() {
        isAbandoned = true
        unwatch()
        ended.take()?()
    }
}
