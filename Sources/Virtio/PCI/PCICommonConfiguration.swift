import Synchronization

/// The registers that all devices have on a PCI bus (virtio 1.3 §4.1.4.3).
final class PCICommonConfiguration: Sendable {
    /// What the driver has said, and a reset forgets.
    private struct Settings: Codable {
        var deviceFeatures: UInt32 = 0
        var driverFeatures: UInt32 = 0
        var queue: UInt16 = 0
        var configurationVector = noVector
        var queueVectors: [UInt16]

        init(queueCount: Int) {
            queueVectors = Array(repeating: noVector, count: queueCount)
        }
    }

    private let controller: DeviceController
    private let vectorCount: Int
    private let settings: Mutex<Settings>

    init(_ controller: DeviceController, vectorCount: Int) {
        self.controller = controller
        self.vectorCount = vectorCount
        settings = Mutex(Settings(queueCount: controller.queueCount))
    }

    var configurationVector: UInt16 { settings.withLock { $0.configurationVector } }
    func vector(ofQueue index: Int) -> UInt16 { settings.withLock { $0.queueVectors[index] } }

    /// - Parameter register: one that has a width.
    func read(_ register: Int) -> UInt32 {
        let settings = settings.withLock { $0 }
        let queue = controller.queue(UInt32(settings.queue))
        return switch register {
        case PCICommonRegister.deviceFeatureSelect: settings.deviceFeatures
        case PCICommonRegister.deviceFeature: controller.offeredFeatures(word: settings.deviceFeatures)
        case PCICommonRegister.driverFeatureSelect: settings.driverFeatures
        case PCICommonRegister.driverFeature: controller.acceptedFeatures(word: settings.driverFeatures)
        case PCICommonRegister.configurationVector: UInt32(settings.configurationVector)
        case PCICommonRegister.queueCount: UInt32(controller.queueCount)
        case PCICommonRegister.deviceStatus: UInt32(controller.status.rawValue)
        case PCICommonRegister.configurationGeneration: controller.configurationGeneration & 0xFF
        case PCICommonRegister.queueSelect: UInt32(settings.queue)
        case PCICommonRegister.queueSize: UInt32(queue?.size ?? 0)
        case PCICommonRegister.queueVector:
            UInt32(queue == nil ? noVector : settings.queueVectors[Int(settings.queue)])
        case PCICommonRegister.queueEnable: queue?.isEnabled == true ? 1 : 0
        case PCICommonRegister.queueNotifyOffset: queue == nil ? 0 : UInt32(settings.queue)
        case PCICommonRegister.queueDescriptorLow: UInt32(truncatingIfNeeded: queue?.descriptorArea ?? 0)
        case PCICommonRegister.queueDescriptorHigh: UInt32(truncatingIfNeeded: (queue?.descriptorArea ?? 0) >> 32)
        case PCICommonRegister.queueDriverLow: UInt32(truncatingIfNeeded: queue?.driverArea ?? 0)
        case PCICommonRegister.queueDriverHigh: UInt32(truncatingIfNeeded: (queue?.driverArea ?? 0) >> 32)
        case PCICommonRegister.queueDeviceLow: UInt32(truncatingIfNeeded: queue?.deviceArea ?? 0)
        case PCICommonRegister.queueDeviceHigh: UInt32(truncatingIfNeeded: (queue?.deviceArea ?? 0) >> 32)
        default: 0
        }
    }

    func write(_ value: UInt32, to register: Int) {
        switch register {
        case PCICommonRegister.deviceFeatureSelect: settings.withLock { $0.deviceFeatures = value }
        case PCICommonRegister.driverFeatureSelect: settings.withLock { $0.driverFeatures = value }
        case PCICommonRegister.driverFeature:
            controller.acceptFeatures(value, word: settings.withLock { $0.driverFeatures })
        case PCICommonRegister.deviceStatus:
            controller.write(status: UInt8(truncatingIfNeeded: value))
            if value == 0 { settings.withLock { $0 = Settings(queueCount: controller.queueCount) } }
        case PCICommonRegister.queueSelect:
            settings.withLock { $0.queue = UInt16(truncatingIfNeeded: value) }
        case PCICommonRegister.configurationVector, PCICommonRegister.queueVector: setVector(register, value)
        default: configureQueue(register, value)
        }
    }

    /// Says which vector a cause interrupts by; settled, as the queues are, once the driver is ready.
    private func setVector(_ register: Int, _ value: UInt32) {
        guard !controller.status.contains(.driverOK) else { return }
        let vector = value < vectorCount ? UInt16(value) : noVector
        settings.withLock { settings in
            if register == PCICommonRegister.configurationVector {
                settings.configurationVector = vector
            } else if settings.queue < settings.queueVectors.count {
                settings.queueVectors[Int(settings.queue)] = vector
            }
        }
    }

    private func configureQueue(_ register: Int, _ value: UInt32) {
        controller.configureQueue(UInt32(settings.withLock { $0.queue })) { queue in
            switch register {
            case PCICommonRegister.queueSize: queue.size = UInt16(clamping: value)
            // A queue is disabled by a reset only (virtio 1.3 §4.1.4.3.2).
            case PCICommonRegister.queueEnable: queue.isEnabled = queue.isEnabled || value == 1
            case PCICommonRegister.queueDescriptorLow: queue.descriptorArea.setLow(value)
            case PCICommonRegister.queueDescriptorHigh: queue.descriptorArea.setHigh(value)
            case PCICommonRegister.queueDriverLow: queue.driverArea.setLow(value)
            case PCICommonRegister.queueDriverHigh: queue.driverArea.setHigh(value)
            case PCICommonRegister.queueDeviceLow: queue.deviceArea.setLow(value)
            case PCICommonRegister.queueDeviceHigh: queue.deviceArea.setHigh(value)
            default: break
            }
        }
    }
}
