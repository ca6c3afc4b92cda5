import CLinux
import Linux
import Synchronization

/// Threads that serve the requests of one share: a file system may let any of them wait, and then others go on.
///
/// There are as many as there are requests at a time, up to a limit; they stay until the share goes.
final class ShareWorkers: Sendable {
    private static let limit = 16

    private struct State {
        /// The next is the first.
        var waiting: [ShareRequest] = []
        /// Those that are waiting and those that are being served.
        var unfinished = 0
        var threads: [Worker] = []
        var isStopped = false
    }

    private final class Worker: Sendable {
        let thread = Mutex<NativeThread?>(nil)
    }

    /// Signalled when requests are done.
    let event: EventCounter
    private let name: String
    private let serve: @Sendable (ShareRequest) -> Void
    private let state = Mutex(State())
    private let work = Semaphore()
    private let done = Mutex<[ShareRequest]>([])

    /// - Parameters:
    ///   - name: of the threads.
    ///   - serve: serves a request, on one of the threads.
    init(name: String, serve: @escaping @Sendable (ShareRequest) -> Void) throws(SystemCallError) {
        self.name = name
        self.serve = serve
        event = try EventCounter()
    }

    // MARK: On the thread of the device

    /// Has a request served soon.
    ///
    /// - Throws: when there is no thread, and none can be made.
    func submit(_ request: ShareRequest) throws(SystemCallError) {
        let (isShort, hasAny) = state.withLock { state in
            state.waiting.append(request)
            state.unfinished += 1
            return (
                state.unfinished > state.threads.count && state.threads.count < Self.limit, !state.threads.isEmpty
            )
        }
        work.signal()
        guard isShort else { return }
        do throws(SystemCallError) {
            try addThread()
        } catch {
            // Those that there are will do, and a little later.
            if !hasAny { throw error }
        }
    }

    /// Takes back what no thread has begun to serve.
    ///
    /// - Returns: how many requests that were.
    func cancelWaiting() -> Int {
        let cancelled = state.withLock { state in
            defer { state.waiting = [] }
            state.unfinished -= state.waiting.count
            return state.waiting
        }
        return cancelled.count
    }

    /// What was served since the last call.
    func takeDone() -> [ShareRequest] {
        done.withLock { done in
            defer { done = [] }
            return done
        }
    }

    /// Ends the threads, once no request is with them.
    func stop() {
        let threads = state.withLock { state in
            state.isStopped = true
            return state.threads
        }
        for _ in threads { work.signal() }
        for worker in threads { worker.thread.withLock { $0.take() }?.join() }
    }

    private func addThread() throws(SystemCallError) {
        let worker = Worker()
        try worker.thread.withLock { thread throws(SystemCallError) in
            thread = try NativeThread(name: name) { [self] in run() }
        }
        state.withLock { $0.threads.append(worker) }
    }

    // MARK: On the threads

    private func run() {
        Self.takeOwnUmask()
        while true {
            work.wait()
            let (request, isStopped) = state.withLock { state in
                (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isStopped)
            }
            guard let request else {
                if isStopped { return }
                continue
            }
            serve(request)
            state.withLock { $0.unfinished -= 1 }
            let isFirst = done.withLock { done in
                done.append(request)
                return done.count == 1
            }
            if isFirst { event.signal() }
        }
    }

    /// Has files get the modes that guests choose: their umask is in there already, and this process's is for its own files.
    private static func takeOwnUmask() {
        // Where this is forbidden, the process's umask holds for guests as well.
        if unshare(CLONE_FS) == 0 { umask(0) }
    }
}
