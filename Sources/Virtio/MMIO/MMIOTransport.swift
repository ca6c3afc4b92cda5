import Linux
import Synchronization

/// A device's registers in memory (virtio 1.3 §4.2), of version 2: no legacy.
public final class MMIOTransport: Transport {
    /// Bytes of address space.
    public static let size: UInt64 = 0x1000

    /// "virt", little-endian.
    private static let magic: UInt32 = 0x7472_6976
    private static let version: UInt32 = 2
    /// Subsystem vendor, freely chosen: "SWFT".
    private static let vendor: UInt32 = 0x5446_5753

    private struct Selection: Codable {
        var deviceFeatures: UInt32 = 0
        var driverFeatures: UInt32 = 0
        var queue: UInt32 = 0
    }

    private let controller: DeviceController
    private let base: UInt64
    private let event: SharedEventCounter
    private let wiring: any DoorbellWiring
    private let selection = Mutex(Selection())
    private let interruptStatus = InterruptStatus()
    /// What is connected, to be disconnected again.
    private let doorbells = Mutex<[SharedEventCounter?]>([])

    /// - Parameters:
    ///   - base: the registers' guest-physical address.
    ///   - interrupt: signalled to pulse the device's interrupt line.
    public init(
        _ controller: DeviceController, base: UInt64, interrupt: SharedEventCounter, wiring: any DoorbellWiring
    ) {
        self.controller = controller
        self.base = base
        event = interrupt
        self.wiring = wiring
        controller.attach(self)
    }

    // MARK: Transport

    func connect(_ doorbells: [SharedEventCounter?]) {
        for (index, doorbell) in doorbells.enumerated() {
            guard let doorbell else { continue }
            wiring.connect(doorbell, toWritesAt: notifyAddress, size: 4, value: UInt64(index))
        }
        self.doorbells.withLock { $0 = doorbells }
    }

    func disconnect() {
        let doorbells = self.doorbells.withLock { doorbells in
            defer { doorbells = [] }
            return doorbells
        }
        for (index, doorbell) in doorbells.enumerated() {
            guard let doorbell else { continue }
            wiring.disconnect(doorbell, fromWritesAt: notifyAddress, size: 4, value: UInt64(index))
        }
    }

    private var notifyAddress: UInt64 { base + UInt64(MMIORegister.queueNotify) }

    func interrupt(ofQueue index: Int) -> Interrupt {
        Interrupt(event: event, status: interruptStatus, cause: .usedBuffer)
    }

    var configurationInterrupt: Interrupt {
        Interrupt(event: event, status: interruptStatus, cause: .configurationChange)
    }

    // MARK: Register accesses, on any vCPU's thread

    /// Serves a read: zeros for what is not there or not read as it must be.
    ///
    /// - Parameter offset: within the registers, not negative.
    public func read(at offset: Int, into bytes: UnsafeMutableRawBufferPointer) {
        if offset >= MMIORegister.configuration {
            controller.readConfiguration(at: offset - MMIORegister.configuration, into: bytes)
            return
        }
        guard bytes.count == 4 else {
            for index in bytes.indices { bytes[index] = 0 }
            return
        }
        bytes.storeBytes(of: read(offset), as: UInt32.self)
    }

    /// Serves a write: nothing happens for what is not there or not written as it must be.
    ///
    /// - Parameter offset: within the registers, not negative.
    public func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) {
        if offset >= MMIORegister.configuration {
            controller.writeConfiguration(at: offset - MMIORegister.configuration, bytes)
        } else if bytes.count == 4 {
            write(bytes.loadUnaligned(as: UInt32.self), to: offset)
        }
    }

    private func read(_ register: Int) -> UInt32 {
        let selection = selection.withLock { $0 }
        return switch register {
        case MMIORegister.magicValue: Self.magic
        case MMIORegister.version: Self.version
        case MMIORegister.deviceID: UInt32(controller.type.rawValue)
        case MMIORegister.vendorID: Self.vendor
        case MMIORegister.deviceFeatures: controller.offeredFeatures(word: selection.deviceFeatures)
        case MMIORegister.queueSizeMaximum: UInt32(controller.queue(selection.queue)?.maximumSize ?? 0)
        case MMIORegister.queueReady: controller.queue(selection.queue)?.isEnabled == true ? 1 : 0
        case MMIORegister.interruptStatus: interruptStatus.value
        case MMIORegister.status: UInt32(controller.status.rawValue)
        // There is no shared memory region: its length and base are all ones (virtio 1.3 §4.2.2.1).
        case MMIORegister.sharedMemoryLengthLow, MMIORegister.sharedMemoryLengthHigh,
            MMIORegister.sharedMemoryBaseLow, MMIORegister.sharedMemoryBaseHigh:
            .max
        case MMIORegister.configurationGeneration: controller.configurationGeneration
        default: 0
        }
    }

    private func write(_ value: UInt32, to register: Int) {
        switch register {
        case MMIORegister.deviceFeaturesSelect: selection.withLock { $0.deviceFeatures = value }
        case MMIORegister.driverFeaturesSelect: selection.withLock { $0.driverFeatures = value }
        case MMIORegister.driverFeatures:
            controller.acceptFeatures(value, word: selection.withLock { $0.driverFeatures })
        case MMIORegister.queueSelect: selection.withLock { $0.queue = value }
        case MMIORegister.queueNotify: controller.notify(queue: value)
        case MMIORegister.interruptAcknowledge: interruptStatus.acknowledge(value)
        case MMIORegister.status:
            let status = UInt8(truncatingIfNeeded: value)
            controller.write(status: status)
            if status == 0 { forget() }
        default: configureQueue(register, value)
        }
    }

    private func configureQueue(_ register: Int, _ value: UInt32) {
        controller.configureQueue(selection.withLock { $0.queue }) { queue in
            switch register {
            case MMIORegister.queueSize: queue.size = UInt16(clamping: value)
            case MMIORegister.queueReady: queue.isEnabled = value & 1 != 0
            case MMIORegister.queueDescriptorLow: queue.descriptorArea.setLow(value)
            case MMIORegister.queueDescriptorHigh: queue.descriptorArea.setHigh(value)
            case MMIORegister.queueDriverLow: queue.driverArea.setLow(value)
            case MMIORegister.queueDriverHigh: queue.driverArea.setHigh(value)
            case MMIORegister.queueDeviceLow: queue.deviceArea.setLow(value)
            case MMIORegister.queueDeviceHigh: queue.deviceArea.setHigh(value)
            default: break
            }
        }
    }

    /// What a reset does to the transport's own registers.
    private func forget() {
        selection.withLock { $0 = Selection() }
        interruptStatus.acknowledge(.max)
    }
}

extension UInt64 {
    mutating func setLow(_ value: UInt32) {
        self = self & ~0xFFFF_FFFF | UInt64(value)
    }

    mutating func setHigh(_ value: UInt32) {
        self = self & 0xFFFF_FFFF | UInt64(value) << 32
    }
}
