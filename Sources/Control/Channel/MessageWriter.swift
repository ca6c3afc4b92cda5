import FoundationEssentials
import Linux

/// Writes messages, a line each, to a client that reads them when it likes. Nothing here waits or drops a message: whoever
/// has more to say looks at `backlog` first.
final class MessageWriter {
    /// Called, in a turn of its own, when the backlog has become empty.
    var drained: () -> Void = {}
    /// Called once, in a turn of its own, when the client can be told no more; further messages are dropped.
    var failed: () -> Void = {}

    private let loop: EventLoop
    private let output: NonblockingOutput
    private let encoder = JSONEncoder()
    private var pending: [UInt8] = []
    /// How much of `pending` is with the client.
    private var written = 0
    /// While the client takes no more.
    private var watch: EventLoop.Watch?
    private var hasFailed = false

    init(_ output: CInt, on loop: EventLoop) throws(SystemCallError) {
        self.loop = loop
        self.output = try NonblockingOutput(output)
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    /// Bytes that the client has not yet taken.
    var backlog: Int { pending.count - written }

    func send(_ message: some Encodable) {
        guard !hasFailed else { return }
        do {
            pending.append(contentsOf: try encoder.encode(message))
            pending.append(UInt8(ascii: "\n"))
        } catch {
            // Messages are made of strings, whole numbers and truth values, which all have a form in JSON.
            preconditionFailure("a message cannot be encoded: \(error)")
        }
        if watch == nil { write() }
    }

    /// Writes as much as the client takes.
    private func write() {
        while backlog > 0 {
            let outcome = pending.withUnsafeBytes { output.write(UnsafeRawBufferPointer(rebasing: $0[written...])) }
            switch outcome {
            case .wrote(let count): written += count
            case .full:
                awaitRoom()
                return
            case .failed:
                fail()
                return
            }
        }
        pending.removeAll(keepingCapacity: pending.capacity <= 1 << 16)
        written = 0
    }

    private func awaitRoom() {
        pending.removeFirst(written)
        written = 0
        guard watch == nil else { return }
        watch = try? loop.watch(output.descriptor.rawValue, for: .writable) { [unowned self] _ in
            write()
            if backlog == 0 || hasFailed, let watch = watch.take() {
                loop.remove(watch)
                drained()
            }
        }
        if watch == nil { fail() }
    }

    /// Writes nothing more, and calls nobody; to be called before those go who listen.
    func stop() {
        drained = {}
        failed = {}
        drop()
        if let watch = watch.take() { loop.remove(watch) }
    }

    private func fail() {
        drop()
        loop.defer { [weak self] in self?.failed() }
    }

    private func drop() {
        hasFailed = true
        pending = []
        written = 0
    }
}
