import Linux

/// The part of a device that lives on its event loop: the queues' doorbells, and whether the device is at work.
final class DeviceService: @unchecked Sendable {
    // Sendable: the doorbells can be rung from anywhere; all else is used on the loop's thread only.
    let doorbells: [SharedEventCounter]
    private let device: any VirtioDevice
    private let loop: EventLoop
    private let polledQueues: Range<Int>
    let report: @Sendable (DeviceReport) -> Void
    private var watches: [EventLoop.Watch] = []
    private var polled: [PolledQueue] = []
    /// For each queue, that the device is notified of it once more.
    private var repetitions: [DeferredJob] = []
    private(set) var isActive = false
    private var hasReported = false

    init(
        device: any VirtioDevice, _ description: DeviceDescription, loop: EventLoop,
        report: @escaping @Sendable (DeviceReport) -> Void
    ) throws(SystemCallError) {
        self.device = device
        polledQueues = description.polledQueues
        self.loop = loop
        self.report = report
        var doorbells: [SharedEventCounter] = []
        for _ in description.queueSizes { doorbells.append(try SharedEventCounter()) }
        self.doorbells = doorbells
    }

    func ring(_ queue: UInt32) {
        if queue < doorbells.count { doorbells[Int(queue)].counter.signal() }
    }

    /// - Throws: what the device throws; it is not active then.
    func activate(_ activation: Activation, fail: @escaping (QueueError) -> Void) throws(QueueError) {
        isActive = true
        repetitions = activation.queues.indices.map { index in
            DeferredJob { [weak self] in self?.notify(index, fail: fail) }
        }
        try device.activate(activation)
        // It may have found at once that its driver broke the rules.
        guard isActive else { return }
        for (index, queue) in activation.queues.enumerated() {
            guard let queue else { continue }
            do throws(SystemCallError) {
                // By edges: each notification is an event, and none has to be read.
                let watch = try loop.watch(
                    doorbells[index].counter.descriptor.rawValue, for: [.readable, .edge]
                ) { [unowned self] _ in notify(index, fail: fail) }
                watches.append(watch)
            } catch {
                throw .malformed("the host cannot watch the queue: \(error)")
            }
            if polledQueues.contains(index) {
                let source = PolledQueue(queue) { [unowned self] in notify(index, fail: fail) }
                polled.append(source)
                loop.add(source)
            }
        }
    }

    /// Notifies the device of a queue after the events at hand.
    func notifyAgain(_ queue: Int) {
        if queue < repetitions.count { loop.defer(repetitions[queue]) }
    }

    private func notify(_ queue: Int, fail: (QueueError) -> Void) {
        guard isActive else { return }
        do throws(QueueError) { try device.queueNotified(queue) } catch { fail(error) }
    }

    func configurationWritten(_ bytes: [UInt8], at offset: Int) {
        device.configurationWritten(bytes, at: offset)
    }

    /// Stops serving, and says so once in the device's life: what a guest causes must not fill a log.
    func fail(_ error: QueueError) {
        stop()
        if !hasReported { report(.driver(error)) }
        hasReported = true
    }

    /// Called on any thread.
    func prepareReset() {
        device.prepareReset()
    }

    func reset(_ done: @escaping @Sendable () -> Void) {
        stop()
        device.reset(done)
    }

    func performWhenIdle(_ job: @escaping () -> Void) {
        device.performWhenIdle(job)
    }

    func close() {
        device.close()
    }

    private func stop() {
        isActive = false
        for watch in watches { loop.remove(watch) }
        watches = []
        for source in polled { loop.remove(source) }
        polled = []
    }
}
