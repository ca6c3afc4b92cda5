import CLinux
import Linux
import SystemPackage

/// Carries the host's input to a command's stdin, as fast as the command takes it.
final class InputPump {
    private static let capacity = 64 << 10

    private let loop: EventLoop
    private let source: CInt
    private let stream: OwnedDescriptor
    private let failed: (Errno) -> Void
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    private var held = 0..<0
    private var sourceWatch: EventLoop.Watch?
    private var streamWatch: EventLoop.Watch?
    /// A file cannot be watched, and can always be read.
    private var isAlwaysReady = false
    private var isStopped = false

    /// - Parameters:
    ///   - source: stays open and as it is; it is read only when there is something.
    ///   - stream: does not block.
    ///   - failed: called once, when the source cannot be read any more.
    init(
        from source: CInt, to stream: consuming OwnedDescriptor, on loop: EventLoop,
        failed: @escaping (Errno) -> Void
    ) throws(SystemCallError) {
        self.source = source
        self.failed = failed
        self.stream = stream
        self.loop = loop
        streamWatch = try loop.watch(self.stream.rawValue, for: .readHungUp) { [unowned self] readiness in
            if !readiness.isDisjoint(with: [.readHungUp, .hungUp, .failed]) { stop() } else { write() }
        }
        try awaitSource()
    }

    deinit {
        stop()
        buffer.deallocate()
    }

    /// Ends the command's stdin, and reads the source no more.
    func stop() {
        isStopped = true
        if let sourceWatch { loop.remove(sourceWatch) }
        if let streamWatch { loop.remove(streamWatch) }
        (sourceWatch, streamWatch) = (nil, nil)
        shutdown(stream.rawValue, CInt(SHUT_WR))
    }

    private func awaitSource() throws(SystemCallError) {
        guard sourceWatch == nil, !isStopped else { return }
        if isAlwaysReady { return readSoon() }
        do {
            sourceWatch = try loop.watch(source, for: .readable) { [unowned self] _ in read() }
        } catch {
            guard error.errno == .notPermitted else { throw error }
            isAlwaysReady = true
            readSoon()
        }
    }

    private func readSoon() {
        loop.defer { [weak self] in self?.read() }
    }

    private func read() {
        guard !isStopped, held.isEmpty else { return }
        do throws(SystemCallError) {
            let count = try systemCall("read") { CLinux.read(source, buffer.baseAddress, buffer.count) }
            guard count > 0 else { return stop() }
            held = 0..<count
        } catch {
            if error.errno == .wouldBlock { return }
            stop()
            return failed(error.errno)
        }
        write()
    }

    private func write() {
        while !held.isEmpty {
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[held])
            do throws(SystemCallError) {
                let count = try systemCall("send") {
                    send(stream.rawValue, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
                }
                held = held.lowerBound + count..<held.upperBound
            } catch {
                guard error.errno == .wouldBlock else { return stop() }
                if let watch = sourceWatch.take() { loop.remove(watch) }
                return watchStream(for: [.writable, .readHungUp])
            }
        }
        watchStream(for: .readHungUp)
        do { try awaitSource() } catch { stop() }
    }

    private func watchStream(for interest: Poller.Readiness) {
        guard let streamWatch else { return }
        do { try loop.change(streamWatch, to: interest) } catch { stop() }
    }
}
