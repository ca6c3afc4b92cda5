import Glibc
import Linux
import SystemPackage

/// Bytes on their way to stdout or stderr, whose reader may take its time. Whoever fills it bounds what waits here.
final class OutputQueue {
    enum Event {
        /// The reader has so many more bytes, or does not want them.
        case delivered(Int)
        /// It takes no more; told once.
        case failed(Errno)
    }

    private let output: NonblockingOutput
    private let loop: EventLoop
    private let report: (Event) -> Void
    private var waiting: [UInt8] = []
    private var watch: EventLoop.Watch?
    private var hasFailed = false

    /// - Parameter descriptor: stays open and as it is.
    init(_ descriptor: CInt, on loop: EventLoop, report: @escaping (Event) -> Void) throws(SystemCallError) {
        output = try NonblockingOutput(descriptor)
        self.loop = loop
        self.report = report
    }

    var isEmpty: Bool { waiting.isEmpty }

    func write(_ bytes: [UInt8]) {
        waiting += bytes
        if watch == nil { write() }
    }

    private func write() {
        let count = waiting.count
        while !waiting.isEmpty, !hasFailed {
            switch waiting.withUnsafeBytes({ output.write($0) }) {
            case .wrote(let written): waiting.removeFirst(written)
            case .full:
                awaitReader()
                return told(count - waiting.count)
            case .failed(let errno): fail(errno)
            }
        }
        if hasFailed { waiting = [] }
        if let watch = watch.take() { loop.remove(watch) }
        told(count)
    }

    private func told(_ count: Int) {
        if count > 0 { report(.delivered(count)) }
    }

    private func awaitReader() {
        guard watch == nil else { return }
        do {
            watch = try loop.watch(output.descriptor.rawValue, for: .writable) { [unowned self] _ in write() }
        } catch {
            fail(error.errno)
        }
    }

    private func fail(_ errno: Errno) {
        guard !hasFailed else { return }
        hasFailed = true
        report(.failed(errno))
    }
}
