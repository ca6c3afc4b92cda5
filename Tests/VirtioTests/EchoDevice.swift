import Synchronization
import Virtio

/// A device that copies what it reads of a chain to what it may write of it.
final class EchoDevice: VirtioDevice {
    /// What a test and the device tell each other.
    final class Control: Sendable {
        struct Value {
            var notifications = 0
            var configurationWrites = 0
            /// Whether chains are kept in place of being served.
            var holdsChains = false
            var held = 0
            /// Whether queues are left as they are.
            var ignoresQueues = false
        }

        let value = Mutex(Value())
    }

    private static let resetDelay: UInt64 = 50_000_000

    let statistics = TrafficStatistics()

    private let control: Control
    private var context: DeviceContext?
    private var queues: [Virtqueue?] = []

    init(_ control: Control) {
        self.control = control
    }

    var description: DeviceDescription {
        DeviceDescription(
            type: .entropy, queueSizes: [16, 4], configuration: [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88],
            writable: 4..<8, polledQueues: 1..<2)
    }

    func attach(_ context: DeviceContext) {
        self.context = context
    }

    func activate(_ activation: Activation) {
        queues = activation.queues
    }

    func queueNotified(_ index: Int) throws(QueueError) {
        control.value.withLock { $0.notifications += 1 }
        guard let queue = queues[index], !control.value.withLock({ $0.ignoresQueues }) else { return }
        let holdsChains = control.value.withLock { $0.holdsChains }
        _ = try queue.drain { chain throws(QueueError) in
            if holdsChains {
                control.value.withLock { $0.held += 1 }
                return true
            }
            var bytes = [UInt8](repeating: 0, count: chain.readable.byteCount)
            bytes.withUnsafeMutableBytes { _ = chain.readable.read(into: $0) }
            queue.complete(head: chain.head, written: bytes.withUnsafeBytes { chain.writable.write($0) })
            return true
        }
    }

    func configurationWritten(_ bytes: [UInt8], at offset: Int) {
        control.value.withLock { $0.configurationWrites += 1 }
    }

    func reset(_ done: @escaping @Sendable () -> Void) {
        queues = []
        guard control.value.withLock({ $0.held }) > 0 else { return done() }
        context?.loop.schedule(after: Self.resetDelay) { [control] in
            control.value.withLock { $0.held = 0 }
            done()
        }
    }
}
