import GuestMemory
import Linux

/// What one type of device does. Everything is called on the thread of the device's event loop.
public protocol VirtioDevice: AnyObject, SendableMetatype {
    /// What the device is, before any driver has seen it.
    var description: DeviceDescription { get }

    /// What the device counts what it serves by; always the same.
    var statistics: TrafficStatistics { get }

    /// Called once, before anything else, and not on the loop's thread but before it starts.
    func attach(_ context: DeviceContext) throws(SystemCallError)

    /// The driver is ready, and the queues can be used until `reset`.
    func activate(_ activation: Activation) throws(QueueError)

    /// The driver put buffers into a queue. Spurious notifications come, too, and some are told once for many buffers.
    func queueNotified(_ index: Int) throws(QueueError)

    /// The driver wrote into the configuration space, where `DeviceDescription.writable` allows it.
    func configurationWritten(_ bytes: [UInt8], at offset: Int)

    /// A reset is about to come: requests that take long may be cut short. Called on any thread, unlike all others.
    func prepareReset()

    /// Gives up the queues: no request may touch guest memory any more when `done` is called, which can be later, on
    /// the same thread. The driver waits for it.
    func reset(_ done: @escaping @Sendable () -> Void)

    /// Calls `job` as soon as no request is in flight, and begins none before. A device that has any in flight between
    /// its turns has its loop to itself.
    func performWhenIdle(_ job: @escaping () -> Void)

    /// The machine is at its end: gives up what others on the host know the device by, such as a socket's file. Called
    /// once, after the last `reset`.
    func close()
}

extension VirtioDevice {
    public func configurationWritten(_ bytes: [UInt8], at offset: Int) {}
    public func prepareReset() {}
    public func performWhenIdle(_ job: @escaping () -> Void) { job() }
    public func close() {}
}

/// A device as it presents itself to drivers.
public struct DeviceDescription: Sendable {
    public var type: DeviceType
    /// Features of this type of device; those that all have are added.
    public var features: Features
    /// The largest size of each queue, in entries: powers of two up to 32768.
    public var queueSizes: [UInt16]
    /// The configuration space's contents at first, little-endian.
    public var configuration: [UInt8]
    /// The part of the configuration space that drivers may write.
    public var writable: Range<Int>
    /// Adapts the configuration space to the features that a driver has just settled on.
    public var featuresSettled: @Sendable (Features, inout [UInt8]) -> Void
    public var dependencies: [DeviceState.Dependency]
    /// Queues that the loop is to look at while they are busy. The device serves them by `Virtqueue.drain` whenever it
    /// is notified.
    public var polledQueues: Range<Int>

    public init(
        type: DeviceType, features: Features = [], queueSizes: [UInt16], configuration: [UInt8] = [],
        writable: Range<Int> = 0..<0,
        featuresSettled: @escaping @Sendable (Features, inout [UInt8]) -> Void = { _, _ in },
        dependencies: [DeviceState.Dependency] = [], polledQueues: Range<Int> = 0..<0
    ) {
        self.type = type
        self.features = features
        self.queueSizes = queueSizes
        self.configuration = configuration
        self.writable = writable
        self.featuresSettled = featuresSettled
        self.dependencies = dependencies
        self.polledQueues = polledQueues
    }
}

/// What went wrong with a device that its machine survives.
public enum DeviceReport: Sendable, CustomStringConvertible {
    /// The driver broke the rules, and the device stopped.
    case driver(QueueError)
    /// Something on the host failed, in a sentence.
    case host(String)

    public var description: String {
        switch self {
        case .driver(let error): "\(error)"
        case .host(let problem): problem
        }
    }
}

/// What a device is given when its driver is ready.
public struct Activation {
    /// The features that the driver accepted.
    public let features: Features
    /// By index; nil where the driver enabled none.
    public let queues: [Virtqueue?]
}

/// What a device may ask of the machine around it, on its loop's thread.
public struct DeviceContext {
    public let loop: EventLoop
    /// The guest's; not to be touched while the device is not active.
    public let memory: GuestMemory
    // The controller owns the device that has this.
    private unowned let controller: DeviceController

    init(loop: EventLoop, memory: GuestMemory, controller: DeviceController) {
        self.loop = loop
        self.memory = memory
        self.controller = controller
    }

    /// Whether the device may use its queues: it was activated, and has neither failed nor been reset since.
    public var isActive: Bool { controller.isServing }

    /// Has `queueNotified` called once more when others have had their turn, unless the device is reset by then: for a
    /// queue of which a portion has been served.
    public func notifyAgain(_ queue: Int) {
        controller.notifyAgain(queue)
    }

    /// Says that the driver broke the rules: the device is given no more notifications, and must do nothing more
    /// until it is reset (virtio 1.3 §2.1.2). What a device's own functions throw has the same effect.
    public func fail(_ error: QueueError) {
        controller.fail(error)
    }

    /// Tells the machine's owner in a sentence what went wrong on the host; not often, where the guest can bring it
    /// about.
    public func report(_ problem: String) {
        controller.report(.host(problem))
    }

    /// Changes the configuration space, and tells the driver (virtio 1.3 §2.5).
    public func updateConfiguration(_ change: (inout [UInt8]) -> Void) {
        controller.updateConfiguration(change)
    }
}
