import CLinux
import Devices
import Linux
import SystemPackage

/// Reads the user's input for a command a piece at a time, and the next one when that was taken.
///
/// A terminal with an escape is read ahead of the command, up to a limit, as its user must be able to leave while nobody
/// takes what is typed.
final class InputReader {
    enum Event {
        /// A piece of it; the next one comes after `resume`.
        case bytes([UInt8])
        /// There is no more.
        case ended
        /// It cannot be read any more.
        case failed(Errno)
        /// The user typed the escape, after which nothing comes.
        case left
    }

    private static let chunk = 16 << 10
    /// Bytes that a terminal's user can be ahead of the command: more than anybody pastes.
    private static let readAhead = 1 << 20

    private let source: CInt
    private let loop: EventLoop
    private let report: (Event) -> Void
    private var escape: InteractiveEscape?
    private var watch: EventLoop.Watch?
    /// Read, and not yet reported.
    private var held: [UInt8] = []
    private var awaitsResume = false
    private var isPausing = false
    private var hasEnded = false
    private var failure: Errno?
    private var isStopped = false

    /// - Parameters:
    ///   - source: stays open and as it is.
    ///   - escape: looks out for the user's wish to leave; nil where there is no such thing.
    init(_ source: CInt, escape: InteractiveEscape?, on loop: EventLoop, report: @escaping (Event) -> Void) {
        self.source = source
        self.escape = escape
        self.loop = loop
        self.report = report
        listen()
    }

    /// To be called when a piece was taken.
    func resume() {
        awaitsResume = false
        pass()
        listen()
    }

    /// Nothing is reported after this; to be called before this object goes.
    func stop() {
        isStopped = true
        unwatch()
    }

    private func pass() {
        guard !isStopped, !awaitsResume else { return }
        if held.isEmpty {
            guard hasEnded else { return }
            stop()
            return report(failure.map { .failed($0) } ?? .ended)
        }
        awaitsResume = true
        let piece = Array(held.prefix(Self.chunk))
        held.removeFirst(piece.count)
        report(.bytes(piece))
    }

    // MARK: The source

    private var mayRead: Bool {
        guard !hasEnded, !isStopped, !isPausing else { return false }
        return escape == nil ? !awaitsResume : held.count < Self.readAhead
    }

    private func listen() {
        guard mayRead, watch == nil else { return }
        do {
            watch = try loop.watch(source, for: .readable) { [unowned self] _ in read() }
        } catch {
            // A file cannot be watched, and can always be read.
            if error.errno != .notPermitted { hasEnded = true }
            loop.defer { [weak self] in self?.read() }
        }
    }

    private func unwatch() {
        if let watch = watch.take() { loop.remove(watch) }
    }

    private func read() {
        if mayRead {
            do throws(SystemCallError) {
                let bytes = try readChunk()
                hasEnded = bytes.isEmpty
                if take(bytes) {
                    stop()
                    return report(.left)
                }
            } catch {
                switch error.errno {
                case .wouldBlock: break  // Another reader of the same pipe was faster.
                case .ioError where Terminal.isOfOthers(source): pause()
                // So it is with a terminal that has gone.
                case .ioError where isatty(source) == 1: hasEnded = true
                case let errno: (failure, hasEnded) = (errno, true)
                }
            }
        }
        pass()
        if !mayRead { unwatch() }
    }

    private func readChunk() throws(SystemCallError) -> [UInt8] {
        var failure: SystemCallError?
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, count in
            do throws(SystemCallError) {
                count = try systemCall("read") { CLinux.read(source, buffer.baseAddress, buffer.count) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// - Returns: whether the user leaves.
    private func take(_ bytes: [UInt8]) -> Bool {
        guard escape != nil else {
            held += bytes
            return false
        }
        return bytes.contains { escape?.filter($0, into: &held) == true }
    }

    /// Leaves a terminal alone that others have in the foreground: it would be found readable whenever they are typed at.
    private func pause() {
        isPausing = true
        loop.schedule(after: Terminal.backgroundPause) { [weak self] in
            self?.isPausing = false
            self?.listen()
        }
    }
}
