import CLinux
import Linux
import SystemPackage

/// Carries a command's output from its stream to where the host wants it, and waits there for whoever reads it.
final class OutputPump {
    enum Event {
        /// So many more bytes have been delivered.
        case delivered(Int)
        /// There is no more to come.
        case ended
        /// Nobody takes the output any more.
        case failed(Errno)
    }

    private static let capacity = 64 << 10

    private let loop: EventLoop
    private let source: OwnedDescriptor
    private let sink: NonblockingOutput
    private let report: (Event) -> Void
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    private var held = 0..<0
    private var sourceWatch: EventLoop.Watch?
    private var sinkWatch: EventLoop.Watch?
    private var isStopped = false

    /// - Parameters:
    ///   - source: does not block.
    ///   - sink: stays open and as it is.
    init(
        from source: consuming OwnedDescriptor, to sink: CInt, on loop: EventLoop, report: @escaping (Event) -> Void
    ) throws(SystemCallError) {
        self.source = source
        self.sink = try NonblockingOutput(sink)
        self.loop = loop
        self.report = report
        try awaitSource()
    }

    deinit {
        stop()
        buffer.deallocate()
    }

    func stop() {
        isStopped = true
        if let sourceWatch { loop.remove(sourceWatch) }
        if let sinkWatch { loop.remove(sinkWatch) }
        (sourceWatch, sinkWatch) = (nil, nil)
    }

    private func awaitSource() throws(SystemCallError) {
        guard sourceWatch == nil else { return }
        sourceWatch = try loop.watch(source.rawValue, for: .readable) { [unowned self] _ in read() }
    }

    private func read() {
        var count = -1
        do throws(SystemCallError) {
            count = try systemCall("read") { CLinux.read(source.rawValue, buffer.baseAddress, buffer.count) }
        } catch {
            if error.errno == .wouldBlock { return }
            // The device has closed the connection without a word.
            count = 0
        }
        guard count > 0 else {
            stop()
            return report(.ended)
        }
        held = 0..<count
        write()
    }

    private func write() {
        var delivered = 0
        while !held.isEmpty {
            switch sink.write(UnsafeRawBufferPointer(rebasing: buffer[held])) {
            case .wrote(let count):
                held = held.lowerBound + count..<held.upperBound
                delivered += count
                continue
            case .full: awaitSink()
            case .failed(let errno):
                stop()
                if delivered > 0 { report(.delivered(delivered)) }
                return report(.failed(errno))
            }
            break
        }
        if held.isEmpty, !isStopped {
            if let watch = sinkWatch.take() { loop.remove(watch) }
            do { try awaitSource() } catch { fail(error) }
        }
        if delivered > 0 { report(.delivered(delivered)) }
    }

    /// Waits for the reader, and leaves the stream alone meanwhile.
    private func awaitSink() {
        if let watch = sourceWatch.take() { loop.remove(watch) }
        guard sinkWatch == nil else { return }
        do {
            sinkWatch = try loop.watch(sink.descriptor.rawValue, for: .writable) { [unowned self] _ in write() }
        } catch {
            fail(error)
        }
    }

    private func fail(_ error: SystemCallError) {
        stop()
        report(.failed(error.errno))
    }
}
