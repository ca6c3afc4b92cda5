import ControlMessages
import Glibc
import Linux
import SystemPackage

/// A client: takes its messages line by line, and as long as it reads the answers.
final class Connection {
    /// The client's requests wait while this many bytes wait for the client.
    static let requestBacklog = 256 << 10

    /// Called for each line.
    var received: (LineBuffer.Line) -> Void = { _ in }
    /// Called once, when there is no more to come from the client, or nothing can be told to it.
    var closed: () -> Void = {}
    /// Called when the client has read all that there was.
    var drained: () -> Void = {}

    let writer: MessageWriter
    private let loop: EventLoop
    private let input: OwnedDescriptor
    private var watch: EventLoop.Watch?
    /// The input is a file, which cannot be watched.
    private var isAlwaysReady = false
    private var buffer = LineBuffer()
    private var inputHasEnded = false
    private var isClosed = false

    init(input: CInt, output: CInt, on loop: EventLoop) throws(SystemCallError) {
        self.loop = loop
        self.input = try OwnedDescriptor.duplicating(input)
        writer = try MessageWriter(output, on: loop)
        writer.failed = { [unowned self] in close() }
        writer.drained = { [unowned self] in
            serve()
            drained()
        }
    }

    /// Begins to listen.
    func open() throws(SystemCallError) {
        guard watch == nil, !inputHasEnded, !isAlwaysReady else { return }
        do {
            watch = try loop.watch(input.rawValue, for: .readable) { [unowned self] _ in read() }
        } catch {
            guard error.errno == .notPermitted else { throw error }
            isAlwaysReady = true
            loop.defer { [unowned self] in read() }
        }
    }

    /// Stops listening for good.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        stopReading()
        closed()
    }

    /// Lets go of the client, who is gone.
    func stop() {
        closed = {}
        close()
        writer.stop()
    }

    private var mayServe: Bool { !isClosed && writer.backlog < Self.requestBacklog }

    private func stopReading() {
        if let watch = watch.take() { loop.remove(watch) }
    }

    private func read() {
        guard mayServe, !inputHasEnded else { return }
        let chunk = [UInt8](unsafeUninitializedCapacity: 64 << 10) { bytes, count in
            do throws(SystemCallError) {
                count = try systemCall("read") { Glibc.read(input.rawValue, bytes.baseAddress, bytes.count) }
                inputHasEnded = count == 0
            } catch {
                inputHasEnded = error.errno != .wouldBlock
            }
        }
        buffer.append(chunk)
        serve()
    }

    /// Serves the lines at hand, and goes on reading when there is no further one.
    private func serve() {
        while mayServe, let line = buffer.next() { received(line) }
        guard mayServe else {
            stopReading()
            return
        }
        if inputHasEnded {
            if let line = buffer.rest() { received(line) }
            close()
        } else if isAlwaysReady {
            loop.defer { [unowned self] in read() }
        } else {
            do { try open() } catch { close() }
        }
    }
}
