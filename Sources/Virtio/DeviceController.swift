import GuestMemory
import Linux
import Synchronization

/// One device as its driver sees it, for whichever transport: serves the registers that all have in common, on the
/// threads of vCPUs, and has the device do its work on the thread of an event loop.
public final class DeviceController: Sendable {
    public let type: DeviceType
    /// For messages: the configured name of the device.
    public let name: String
    public let queueCount: Int
    public let statistics: TrafficStatistics

    private let state: Mutex<DeviceState>
    /// Held from a change of the status to the end of what it brings about.
    private let transition = Mutex(Lifetime.open)
    private let writable: Range<Int>
    private let featuresSettled: @Sendable (Features, inout [UInt8]) -> Void
    private let loop: EventLoop
    private let memory: GuestMemory
    private let service: DeviceService
    private let transport = Mutex<(any Transport)?>(nil)

    private enum Lifetime {
        case open
        /// Shut down: a driver that still has hold of the device can do no more with it.
        case closed
    }

    /// - Parameters:
    ///   - device: not yet known to its loop; from now on it is called on the loop's thread only.
    ///   - report: is told what goes wrong, on the loop's thread; of a driver, once in a device's life.
    public init(
        name: String, device: LoopConfined<some VirtioDevice>, memory: GuestMemory,
        report: @escaping @Sendable (DeviceReport) -> Void
    ) throws(SystemCallError) {
        let description = device.value.description
        type = description.type
        self.name = name
        queueCount = description.queueSizes.count
        statistics = device.value.statistics
        writable = description.writable
        featuresSettled = description.featuresSettled
        state = Mutex(
            DeviceState(
                features: description.features, queueSizes: description.queueSizes,
                configuration: description.configuration, dependencies: description.dependencies))
        loop = device.loop
        self.memory = memory
        service = try DeviceService(
            device: device.value, description, loop: device.loop, report: report)
        try device.value.attach(DeviceContext(loop: device.loop, memory: memory, controller: self))
    }

    func attach(_ transport: any Transport) {
        self.transport.withLock { $0 = transport }
    }

    // MARK: Registers

    public var status: DeviceStatus { state.withLock { $0.status } }

    func offeredFeatures(word: UInt32) -> UInt32 { state.withLock { $0.offeredFeatures(word: word) } }
    func acceptedFeatures(word: UInt32) -> UInt32 { state.withLock { $0.acceptedFeatures(word: word) } }

    func acceptFeatures(_ bits: UInt32, word: UInt32) {
        state.withLock { $0.acceptFeatures(bits, word: word) }
    }

    func queue(_ index: UInt32) -> QueueConfiguration? { state.withLock { $0.queue(index) } }

    func configureQueue(_ index: UInt32, _ change: (inout QueueConfiguration) -> Void) {
        state.withLock { $0.configureQueue(index, change) }
    }

    /// A notification that came as an exit to the monitor; others go straight to the doorbell.
    func notify(queue index: UInt32) {
        if state.withLock({ $0.isActive }) { service.ring(index) }
    }

    /// Bytes of the device-specific configuration.
    var configurationSize: Int { state.withLock { $0.configuration.count } }
    var configurationGeneration: UInt32 { state.withLock { $0.configurationGeneration } }

    func readConfiguration(at offset: Int, into bytes: UnsafeMutableRawBufferPointer) {
        state.withLock { $0.readConfiguration(at: offset, into: bytes) }
    }

    /// The device has heard of it when this returns, so that what the driver does next comes after it for both.
    func writeConfiguration(at offset: Int, _ bytes: UnsafeRawBufferPointer) {
        let (end, overflow) = offset.addingReportingOverflow(bytes.count)
        guard !overflow, writable.lowerBound <= offset, end <= writable.upperBound else { return }
        let copy = Array(bytes)
        state.withLock { $0.storeConfiguration(copy, at: offset) }
        performAndWait { service, done in
            service.configurationWritten(copy, at: offset)
            done()
        }
    }

    func write(status value: UInt8) {
        transition.withLock { lifetime in
            guard lifetime == .open else { return }
            switch state.withLock({ $0.write(status: value, featuresSettled) }) {
            case .none: break
            case .activate: activate()
            case .reset: reset()
            }
        }
    }

    private func activate() {
        guard let transport = transport.withLock({ $0 }) else { return }
        let settled = state.withLock { $0 }
        transport.connect(
            settled.queues.indices.map { settled.queues[$0].isEnabled ? service.doorbells[$0] : nil })
        loop.perform { [self] in
            do throws(QueueError) {
                var queues: [Virtqueue?] = []
                for (index, configuration) in settled.queues.enumerated() {
                    queues.append(
                        configuration.isEnabled
                            ? try Virtqueue(
                                configuration, features: settled.acceptedFeatures, memory: memory,
                                interrupt: transport.interrupt(ofQueue: index))
                            : nil)
                }
                try service.activate(Activation(features: settled.acceptedFeatures, queues: queues)) { [weak self] in
                    self?.fail($0)
                }
            } catch {
                fail(error)
            }
        }
    }

    /// Waits until the device has let go of guest memory.
    private func reset() {
        if state.withLock({ $0.isActive }) {
            transport.withLock { $0 }?.disconnect()
            service.prepareReset()
            performAndWait { service, done in service.reset(done) }
        }
        state.withLock { $0.reset() }
    }

    /// Has the device do something on its loop's thread, and waits until it has; does nothing when that thread has ended.
    private func performAndWait(_ body: @escaping @Sendable (DeviceService, @escaping @Sendable () -> Void) -> Void) {
        let isDone = ConditionLock(false)
        let isTaken = loop.perform { [service] in body(service) { isDone.withLock { $0 = true } } }
        if isTaken { isDone.wait { $0 } }
    }

    // MARK: For the machine

    /// Has the device finish what it is at and hold its loop: nothing touches the guest's memory on its behalf until the loop
    /// is released. Waits for that.
    public func hold() {
        performAndWait { [loop] service, done in
            service.performWhenIdle {
                done()
                loop.hold()
            }
        }
    }

    /// Has the device finish all that it is at, and close, for good: what drivers do to it from now on has no effect.
    public func shutDown() {
        transition.withLock { lifetime in
            reset()
            lifetime = .closed
        }
        loop.perform { [service] in service.close() }
        // It has this object.
        transport.withLock { $0 = nil }
    }

    // MARK: For the device, on its loop's thread

    var isServing: Bool { service.isActive }

    /// Says that the driver broke the rules: the device does nothing more until it is reset (virtio 1.3 §2.1.2).
    func fail(_ error: QueueError) {
        service.fail(error)
        state.withLock { $0.needReset() }
        interruptForConfiguration()
    }

    func notifyAgain(_ queue: Int) {
        service.notifyAgain(queue)
    }

    func report(_ report: DeviceReport) {
        service.report(report)
    }

    /// Changes the configuration space, and tells the driver.
    func updateConfiguration(_ change: (inout [UInt8]) -> Void) {
        state.withLock { $0.updateConfiguration(change) }
        // A driver that is resetting the device wants no interrupt.
        if service.isActive { interruptForConfiguration() }
    }

    private func interruptForConfiguration() {
        guard state.withLock({ $0.isActive }) else { return }
        transport.withLock { $0 }?.configurationInterrupt.raise()
    }
}
