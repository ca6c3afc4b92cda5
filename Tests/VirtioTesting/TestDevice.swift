import CLinux
import GuestMemory
import Linux
import Synchronization
import Virtio

/// A device behind the registers that all transports share, driven by a test in the place of a guest, with its event
/// loop on a thread of its own.
public final class TestDevice {
    public let memory: GuestMemory
    public let loop: EventLoop
    public let controller: DeviceController
    public let transport: MMIOTransport
    public let interrupt: SharedEventCounter
    private let problems: Problems

    public static let base: UInt64 = 0xC000_0000

    private final class Problems: Sendable {
        let list = Mutex<[String]>([])
    }

    /// - Parameter memorySize: of the guest, in bytes.
    public convenience init(_ device: sending some VirtioDevice, memorySize: UInt64 = 16 << 20) throws {
        try self.init(LoopConfined(device, loop: try EventLoop(name: "test")), memorySize: memorySize)
    }

    /// - Parameter device: whose loop has not been started.
    public init(_ device: LoopConfined<some VirtioDevice>, memorySize: UInt64 = 16 << 20) throws {
        memory = try GuestMemory(size: memorySize, pages: .never)
        loop = device.loop
        interrupt = try SharedEventCounter()
        let problems = Problems()
        self.problems = problems
        controller = try DeviceController(
            name: "test", device: device, memory: memory,
            report: { problem in problems.list.withLock { $0.append("\(problem)") } })
        transport = MMIOTransport(controller, base: Self.base, interrupt: interrupt, wiring: NoWiring())
        try loop.start()
    }

    deinit {
        controller.shutDown()
        loop.stop()
        loop.join()
    }

    /// Notifications come by way of the register.
    private struct NoWiring: DoorbellWiring {
        func connect(_ doorbell: SharedEventCounter, toWritesAt address: UInt64, size: UInt32, value: UInt64?) {}
        func disconnect(_ doorbell: SharedEventCounter, fromWritesAt address: UInt64, size: UInt32, value: UInt64?) {}
    }

    /// What the device reported.
    public var reports: [String] { problems.list.withLock { $0 } }

    // MARK: Registers

    public func read(_ offset: Int) -> UInt32 {
        var value: UInt32 = 0
        withUnsafeMutableBytes(of: &value) { transport.read(at: offset, into: $0) }
        return value
    }

    public func write(_ offset: Int, _ value: UInt32) {
        withUnsafeBytes(of: value) { transport.write(at: offset, $0) }
    }

    /// A field of the device-specific configuration.
    public func configuration<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
        var value: Value = 0
        withUnsafeMutableBytes(of: &value) { transport.read(at: 0x100 + offset, into: $0) }
        return value
    }

    public func setConfiguration<Value: FixedWidthInteger>(at offset: Int, _ value: Value) {
        withUnsafeBytes(of: value) { transport.write(at: 0x100 + offset, $0) }
    }

    public var status: DeviceStatus {
        get { DeviceStatus(rawValue: UInt8(truncatingIfNeeded: read(0x70))) }
        set { write(0x70, UInt32(newValue.rawValue)) }
    }

    public var offeredFeatures: Features {
        write(0x14, 0)
        let low = UInt64(read(0x10))
        write(0x14, 1)
        return Features(rawValue: UInt64(read(0x10)) << 32 | low)
    }

    // MARK: A driver's steps

    /// Up to `featuresOK`.
    ///
    /// - Parameter features: nil for all that are offered.
    public func negotiate(_ features: Features? = nil) {
        status = []
        status = .acknowledge
        status = [.acknowledge, .driver]
        let accepted = features ?? offeredFeatures
        for word in 0..<2 as Range<UInt32> {
            write(0x24, word)
            write(0x20, UInt32(truncatingIfNeeded: accepted.rawValue >> (UInt64(word) * 32)))
        }
        status = [.acknowledge, .driver, .featuresOK]
    }

    public func setUp(_ queue: GuestQueue, index: UInt32) {
        write(0x30, index)
        write(0x38, UInt32(queue.size))
        for (register, area) in [(0x80, queue.descriptorArea), (0x90, queue.driverArea), (0xA0, queue.deviceArea)] {
            write(register, UInt32(truncatingIfNeeded: area))
            write(register + 4, UInt32(truncatingIfNeeded: area >> 32))
        }
        write(0x44, 1)
    }

    public func becomeReady() {
        status = [.acknowledge, .driver, .featuresOK, .driverOK]
    }

    /// Resets the device and makes it ready, with queues of `size` entries a page or more apart from 0x1000 on.
    public func start(queues: Int, size: UInt16 = 16, features: Features? = nil) -> [GuestQueue] {
        negotiate(features)
        let stride = (32 * UInt64(size) + 64 + 0xFFF) & ~0xFFF
        let made = (0..<queues).map { GuestQueue(memory, size: size, base: 0x1000 + UInt64($0) * stride) }
        for queue in made { try? memory.write([UInt8](repeating: 0, count: Int(stride)), at: queue.descriptorArea) }
        for (index, queue) in made.enumerated() { setUp(queue, index: UInt32(index)) }
        becomeReady()
        return made
    }

    public func notify(_ queue: UInt32) {
        write(0x50, queue)
    }

    // MARK: Waiting

    /// Waits until `condition` holds, for a minute at most, and then until the loop is through with what made it hold:
    /// a device that has given a buffer back has yet to interrupt.
    ///
    /// - Returns: whether it came to hold.
    public func wait(until condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<600_000 {
            if try condition() {
                settle()
                return true
            }
            usleep(100)
        }
        return false
    }

    /// Waits for the next chain that the device gives back.
    public func nextUsed(of queue: GuestQueue) throws -> GuestQueue.Used? {
        var used: GuestQueue.Used?
        _ = try wait {
            used = try queue.takeUsed()
            return used != nil
        }
        return used
    }

    /// Waits until the loop has done all that it was given so far.
    public func settle() {
        let isDone = ConditionLock(false)
        loop.perform { isDone.withLock { $0 = true } }
        isDone.wait { $0 }
    }

    /// Whether the loop's thread sleeps while there is nothing to do: watched for 300 ms.
    public var isIdle: Bool {
        let begin = processorTime
        usleep(300_000)
        return processorTime - begin < 50_000_000
    }

    /// Nanoseconds that the loop's thread has run.
    private var processorTime: UInt64 {
        let answer = ConditionLock<UInt64?>(nil)
        loop.perform {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            answer.withLock { $0 = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec) }
        }
        answer.wait { $0 != nil }
        return answer.withLock { $0 } ?? 0
    }
}
