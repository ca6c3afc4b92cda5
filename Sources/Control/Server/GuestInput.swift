import ControlMessages
import Glibc
import Linux
import SystemPackage

/// What is typed at the guest's console, or given to a command, until the guest takes it.
public final class GuestInput {
    /// Bytes that whoever types can be ahead of the guest.
    static let limit = 1 << 20

    private let loop: EventLoop
    private var pipe: NonblockingPipe
    private var isClosing = false
    private var waiting: [UInt8] = []
    private var watch: EventLoop.Watch?
    /// Done once nothing waits any more.
    private var whenTaken: [() -> Void] = []

    public init(on loop: EventLoop) throws(SystemCallError) {
        self.loop = loop
        pipe = try NonblockingPipe()
    }

    /// Where the guest's console, or the command, reads.
    public var descriptor: CInt { pipe.reading }

    /// - Throws: `ControlError` when the guest is too far behind; then nothing was taken.
    public func write(_ bytes: [UInt8]) throws(ControlError) {
        guard waiting.count + bytes.count <= Self.limit else {
            throw ControlError(
                .resource, "the guest has \(waiting.count) bytes of input that it did not take",
                hint: "wait until it reads its console; at most \(Self.limit) bytes wait for it")
        }
        waiting += bytes
        pump()
    }

    /// Has `job` done once the guest has taken all that was written, or will take nothing any more.
    public func whenTaken(_ job: @escaping () -> Void) {
        if waiting.isEmpty { job() } else { whenTaken.append(job) }
    }

    /// Lets the reader come to the end of it all, once it has taken what was written; nothing can be written any more.
    public func close() {
        isClosing = true
        pump()
    }

    /// To be called before this object goes.
    public func stop() {
        if let watch = watch.take() { loop.remove(watch) }
        let jobs = whenTaken
        whenTaken = []
        for job in jobs { job() }
    }

    private func pump() {
        guard let number = pipe.writing else { return }
        while !waiting.isEmpty {
            let written = waiting.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            guard written > 0 else { break }
            waiting.removeFirst(written)
        }
        if waiting.isEmpty {
            stop()
            if isClosing { pipe.closeWriting() }
        } else if watch == nil {
            // Without a watch, the next bytes that are written take these along.
            watch = try? loop.watch(number, for: .writable) { [unowned self] _ in pump() }
        }
    }
}
