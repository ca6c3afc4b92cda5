import CLinux
import Synchronization

/// A thread that waits for descriptors, timers and jobs, and serves one after the other.
///
/// Everything but `perform`, `start`, `stop` and `join` belongs to the loop's thread, and to whoever sets the loop up
/// before it starts. A handler must not block: all others wait for it.
public final class EventLoop: @unchecked Sendable {
    // Sendable: the mailbox is locked, the descriptors are the kernel's to lock; all else is the thread's own.

    /// A descriptor that the loop watches.
    public struct Watch: Equatable {
        fileprivate let slot: UInt32
        fileprivate let generation: UInt32

        fileprivate var token: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
    }

    private struct Slot {
        var generation: UInt32 = 0
        var descriptor: CInt = -1
        var handler: ((Poller.Readiness) -> Void)?
    }

    private struct Mailbox {
        var jobs: [@Sendable () -> Void] = []
        var isStopped = false
    }

    private let name: String
    private let poller: Poller
    private let wake: EventCounter
    private let mailbox = Mutex(Mailbox())
    private let thread = Mutex<NativeThread?>(nil)
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var deferred: [DeferredJob] = []
    /// Room for those of one turn, kept so that a turn allocates nothing.
    private var due: [DeferredJob] = []
    private var timers: TimerQueue
    private var polled: [any Polled] = []
    private var busyWait = BusyWait()
    private var isRunning = true
    private var isHeld = false
    /// Taken from the mailbox, and not yet run; the next is the last.
    private var jobs: [@Sendable () -> Void] = []

    /// - Parameter name: the thread's.
    public init(name: String) throws(SystemCallError) {
        self.name = name
        poller = try Poller()
        wake = try EventCounter()
        timers = try TimerQueue()
        try watch(wake.descriptor.rawValue, for: .readable) { [unowned self] _ in
            wake.drain()
            runJobs()
        }
        try watch(timers.descriptor, for: .readable) { [unowned self] _ in
            for job in timers.takeDue() { job() }
        }
    }

    // MARK: From any thread

    public func start() throws(SystemCallError) {
        try thread.withLock { thread throws(SystemCallError) in
            thread = try NativeThread(name: name) { [self] in run() }
        }
    }

    /// Runs `job` on the loop's thread, after those that were handed in before. Jobs that come after `stop` are dropped.
    ///
    /// - Returns: false when it was dropped.
    @discardableResult
    public func perform(_ job: @escaping @Sendable () -> Void) -> Bool {
        hand(job, isLast: false)
    }

    /// Runs `job` on the loop's thread and waits for what it gives; never to be called there.
    ///
    /// - Returns: nil when it was dropped.
    public func performAndWait<Result: Sendable>(_ job: @escaping @Sendable () -> Result) -> Result? {
        let result = ConditionLock<Result?>(nil)
        guard
            perform({
                let value = job()
                result.withLock { $0 = value }
            })
        else { return nil }
        result.wait { $0 != nil }
        return result.withLock { $0 }
    }

    /// Waits until the loop has done what it was handed before, and what that has deferred; never to be called on its
    /// thread.
    public func awaitJobs() {
        let isDone = ConditionLock(false)
        guard perform({ [self] in `defer` { isDone.withLock { $0 = true } } }) else { return }
        isDone.wait { $0 }
    }

    /// Hands a descriptor to the loop's thread; one that comes too late is closed.
    public func perform(
        with descriptor: consuming OwnedDescriptor, _ job: @escaping @Sendable (consuming OwnedDescriptor) -> Void
    ) {
        let handed = Mutex<OwnedDescriptor?>(consume descriptor)
        perform { if let descriptor = handed.withLock({ $0.take() }) { job(descriptor) } }
    }

    /// Lets the thread end after the jobs that were handed in before.
    public func stop() {
        hand({ [self] in isRunning = false }, isLast: true)
    }

    @discardableResult
    private func hand(_ job: @escaping @Sendable () -> Void, isLast: Bool) -> Bool {
        let (isTaken, isFirst) = mailbox.withLock { mailbox in
            guard !mailbox.isStopped else { return (false, false) }
            mailbox.isStopped = isLast
            mailbox.jobs.append(job)
            return (true, mailbox.jobs.count == 1)
        }
        if isFirst { wake.signal() }
        return isTaken
    }

    /// Waits for the thread's end, after `stop`; when it was never started, what it was to do is done here.
    public func join() {
        if let thread = thread.withLock({ $0.take() }) { thread.join() } else { runJobs() }
    }

    // MARK: On the loop's thread

    /// Calls `handler` whenever `descriptor` is ready.
    ///
    /// - Parameter interest: with `.edge` the handler is only told of changes, and an eventfd need not be drained.
    /// - Throws: `EPERM` for a regular file, which is always ready.
    @discardableResult
    public func watch(
        _ descriptor: CInt, for interest: Poller.Readiness, _ handler: @escaping (Poller.Readiness) -> Void
    ) throws(SystemCallError) -> Watch {
        let slot = freeSlots.popLast() ?? UInt32(slots.count)
        if slot == slots.count { slots.append(Slot()) }
        let watch = Watch(slot: slot, generation: slots[Int(slot)].generation)
        do {
            try poller.add(descriptor, for: interest, token: watch.token)
        } catch {
            freeSlots.append(slot)
            throw error
        }
        slots[Int(slot)].descriptor = descriptor
        slots[Int(slot)].handler = handler
        return watch
    }

    /// Changes what the descriptor is watched for.
    public func change(_ watch: Watch, to interest: Poller.Readiness) throws(SystemCallError) {
        guard isCurrent(watch) else { return }
        try poller.modify(slots[Int(watch.slot)].descriptor, for: interest, token: watch.token)
    }

    /// Stops watching; to be called before the descriptor is closed. Its handler is not called again.
    public func remove(_ watch: Watch) {
        guard isCurrent(watch) else { return }
        let index = Int(watch.slot)
        try? poller.remove(slots[index].descriptor)
        slots[index] = Slot(generation: slots[index].generation &+ 1)
        freeSlots.append(watch.slot)
    }

    /// Performs `job` after the events at hand, before the loop waits for more, and once however often it was asked for.
    public func `defer`(_ job: DeferredJob) {
        if job.plan() { deferred.append(job) }
    }

    /// The same for what is asked for once.
    public func `defer`(_ body: @escaping () -> Void) {
        `defer`(DeferredJob(body))
    }

    /// Runs `job` once, `nanoseconds` from now at the earliest.
    @discardableResult
    public func schedule(after nanoseconds: UInt64, _ job: @escaping () -> Void) -> TimerQueue.ID {
        timers.add(deadline: monotonicNanoseconds() &+ nanoseconds, job)
    }

    public func cancel(_ timer: TimerQueue.ID) {
        timers.remove(timer)
    }

    /// Looks for work at `source` while there is much of it, and whenever something has woken the loop.
    public func add(_ source: any Polled) {
        polled.append(source)
    }

    public func remove(_ source: any Polled) {
        polled.removeAll { $0 === source }
    }

    /// Serves nothing but jobs until one of them calls `release`; for a handler that is called at the right moment for it.
    public func hold() {
        isHeld = true
        while true {
            // Those that were handed in together with the present one have been taken from the mailbox.
            runJobs()
            guard isHeld, isRunning else { return }
            wake.await()
            wake.drain()
        }
    }

    /// Lets `hold` return; of no effect when the loop is not held.
    public func release() {
        isHeld = false
    }

    private func isCurrent(_ watch: Watch) -> Bool {
        Int(watch.slot) < slots.count && slots[Int(watch.slot)].generation == watch.generation
    }

    private func run() {
        while isRunning { turn(waiting: true) }
    }

    /// Serves the events at hand and the jobs that were deferred, once.
    ///
    /// - Parameter waiting: whether to wait for an event when there is nothing to do.
    public func turn(waiting: Bool) {
        let begin = polled.isEmpty ? 0 : monotonicNanoseconds()
        let sleeps = waiting && deferred.isEmpty && findsNothing(from: begin)
        serveEvents(timeout: sleeps ? -1 : 0)
        if sleeps, !polled.isEmpty { busyWait.slept(monotonicNanoseconds() &- begin) }
        swap(&deferred, &due)
        for job in due { job.perform() }
        due.removeAll(keepingCapacity: true)
    }

    /// Looks for work in the sources that can be looked at, for a while.
    ///
    /// - Parameter begin: now.
    /// - Returns: whether there is none, and all sources will tell of more.
    private func findsNothing(from begin: UInt64) -> Bool {
        if polled.isEmpty { return true }
        var end = begin &+ busyWait.limit
        while true {
            var found = false
            for source in polled where source.poll() { found = true }
            // Others wait for their events, too.
            let now = monotonicNanoseconds()
            if !deferred.isEmpty || now &- begin > 2 * BusyWait.longest { return false }
            if found { end = now &+ busyWait.limit } else if now >= end { break }
        }
        return polled.allSatisfy { $0.prepareToSleep() }
    }

    private func serveEvents(timeout: CInt) {
        do throws(SystemCallError) {
            try poller.wait(timeout: timeout) { event in
                let slot = slots[Int(truncatingIfNeeded: event.token & 0xFFFF_FFFF)]
                // A handler earlier in this round may have removed this watch.
                if slot.generation == UInt32(truncatingIfNeeded: event.token >> 32) {
                    slot.handler?(event.readiness)
                }
            }
        } catch {
            // epoll_wait(2) fails only for a bad descriptor or bad memory: nothing could be served any more.
            preconditionFailure("the event loop cannot wait: \(error)")
        }
    }

    /// One of the jobs may hold the loop, and then the others are run by that.
    private func runJobs() {
        mailbox.withLock { mailbox in
            jobs.insert(contentsOf: mailbox.jobs.reversed(), at: 0)
            mailbox.jobs.removeAll(keepingCapacity: true)
        }
        while let job = jobs.popLast() { job() }
    }
}
