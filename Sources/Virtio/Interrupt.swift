import Linux
import Synchronization

/// How a device interrupts its driver for one cause: a queue's used buffers, or a change of its configuration.
public struct Interrupt: Sendable {
    /// Signalled to interrupt; nil where the driver asked for no interrupt.
    private let event: SharedEventCounter?
    /// The register by which a driver tells causes apart, where there is one.
    private let status: InterruptStatus?
    private let cause: InterruptStatus.Cause

    public init(event: SharedEventCounter?, status: InterruptStatus? = nil, cause: InterruptStatus.Cause) {
        self.event = event
        self.status = status
        self.cause = cause
    }

    @inline(__always)
    public func raise() {
        status?.set(cause)
        event?.counter.signal()
    }
}

/// The interrupt status register (virtio 1.3 §4.2.2, §4.1.4.5): causes collect until the driver acknowledges them.
public final class InterruptStatus: Sendable {
    public struct Cause: OptionSet, Sendable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        public static let usedBuffer = Cause(rawValue: 1)
        public static let configurationChange = Cause(rawValue: 2)
    }

    private let causes = Atomic<UInt32>(0)

    public init() {}

    func set(_ cause: Cause) {
        causes.bitwiseOr(cause.rawValue, ordering: .releasing)
    }

    public var value: UInt32 { causes.load(ordering: .acquiring) }

    public func acknowledge(_ causes: UInt32) {
        self.causes.bitwiseAnd(~causes, ordering: .acquiringAndReleasing)
    }

    /// Reads all causes and acknowledges them.
    public func take() -> UInt32 {
        causes.exchange(0, ordering: .acquiringAndReleasing)
    }
}
