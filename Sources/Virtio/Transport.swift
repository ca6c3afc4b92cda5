import Linux

/// How a driver reaches a device: registers, notifications and interrupts (virtio 1.3 §4).
protocol Transport: AnyObject, Sendable {
    /// The queues' notifications from now on reach their doorbells. On the thread of the vCPU that made the driver
    /// ready.
    func connect(_ doorbells: [SharedEventCounter?])
    /// Notifications no longer do.
    func disconnect()

    func interrupt(ofQueue index: Int) -> Interrupt
    var configurationInterrupt: Interrupt { get }
}

/// How guest writes to an address become signals without an exit to the monitor (KVM's ioeventfd).
public protocol DoorbellWiring: Sendable {
    /// - Parameters:
    ///   - address: guest-physical.
    ///   - size: of the write, in bytes.
    ///   - value: of the write; nil for any.
    func connect(_ doorbell: SharedEventCounter, toWritesAt address: UInt64, size: UInt32, value: UInt64?)
    func disconnect(_ doorbell: SharedEventCounter, fromWritesAt address: UInt64, size: UInt32, value: UInt64?)
}
