/// What a driver sees of a device, whatever the transport, and the rules by which it changes (virtio 1.3 §2.1, §3.1).
///
/// A pure state machine: it says what is to be done, and does nothing itself.
public struct DeviceState: Codable, Equatable, Sendable {
    public private(set) var status: DeviceStatus = []
    /// What the device offers.
    public let offeredFeatures: Features
    /// What the driver accepted; final once the status has `featuresOK`.
    public private(set) var acceptedFeatures: Features = []
    public private(set) var queues: [QueueConfiguration]
    /// The device-specific configuration, little-endian (virtio 1.3 §2.5).
    public private(set) var configuration: [UInt8]
    /// Counts changes of the configuration by the device.
    public private(set) var configurationGeneration: UInt32 = 0

    /// Features of which each needs the others named.
    private let dependencies: [Dependency]

    /// A feature that may only be accepted together with another (virtio 1.3, "Feature bit requirements").
    public struct Dependency: Codable, Equatable, Sendable {
        let feature: Features
        /// Any one of these is enough.
        let oneOf: Features

        public init(_ feature: Features, needsOneOf oneOf: Features) {
            self.feature = feature
            self.oneOf = oneOf
        }
    }

    /// What a write to the status register asks for.
    enum Transition: Equatable {
        case none
        /// The driver is ready: the device may use its queues.
        case activate
        case reset
    }

    init(
        features: Features, queueSizes: [UInt16], configuration: [UInt8], dependencies: [Dependency]
    ) {
        offeredFeatures = features.union(.common)
        queues = queueSizes.map(QueueConfiguration.init(maximumSize:))
        self.configuration = configuration
        self.dependencies = dependencies
    }

    var isActive: Bool { status.contains(.driverOK) }
    /// Whether queues can be set up: after the features are settled and before they are used.
    private var acceptsQueues: Bool { status.contains(.featuresOK) && !status.contains(.driverOK) }

    // MARK: Status

    /// - Parameter featuresSettled: is given the features that the driver settles on, and the configuration.
    mutating func write(
        status value: UInt8, _ featuresSettled: (Features, inout [UInt8]) -> Void = { _, _ in }
    ) -> Transition {
        var new = DeviceStatus(rawValue: value)
        if new.isEmpty { return .reset }
        // Bits are never cleared but by a reset, and only the device sets this one.
        let old = status.subtracting(.needsReset)
        new.remove(.needsReset)
        guard new.isSuperset(of: old) else { return .none }

        if new.contains(.featuresOK), !old.contains(.featuresOK) {
            if featuresAreUsable {
                featuresSettled(acceptedFeatures, &configuration)
            } else {
                new.remove(.featuresOK)
            }
        }
        if new.contains(.driverOK), !new.contains(.featuresOK) { new.remove(.driverOK) }
        let becomesActive = new.contains(.driverOK) && !old.contains(.driverOK)
        status = new.union(status.intersection(.needsReset))
        return becomesActive ? .activate : .none
    }

    private var featuresAreUsable: Bool {
        acceptedFeatures.contains(.version1) && acceptedFeatures.isSubset(of: offeredFeatures)
            && dependencies.allSatisfy {
                acceptedFeatures.isDisjoint(with: $0.feature) || !acceptedFeatures.isDisjoint(with: $0.oneOf)
            }
    }

    /// Forgets all that the driver has said.
    mutating func reset() {
        status = []
        acceptedFeatures = []
        for index in queues.indices {
            queues[index] = QueueConfiguration(maximumSize: queues[index].maximumSize)
        }
    }

    mutating func needReset() {
        status.insert(.needsReset)
    }

    // MARK: Features

    /// Sets 32 bits of the features that the driver accepts.
    ///
    /// - Parameter word: 0 for bits 0 to 31, 1 for bits 32 to 63; others are ignored.
    mutating func acceptFeatures(_ bits: UInt32, word: UInt32) {
        guard word < 2, !status.contains(.featuresOK) else { return }
        let shift = UInt64(word) * 32
        let kept = acceptedFeatures.rawValue & ~(0xFFFF_FFFF << shift)
        acceptedFeatures = Features(rawValue: kept | UInt64(bits) << shift)
    }

    func offeredFeatures(word: UInt32) -> UInt32 { Self.word(word, of: offeredFeatures) }
    func acceptedFeatures(word: UInt32) -> UInt32 { Self.word(word, of: acceptedFeatures) }

    private static func word(_ word: UInt32, of features: Features) -> UInt32 {
        word < 2 ? UInt32(truncatingIfNeeded: features.rawValue >> (UInt64(word) * 32)) : 0
    }

    // MARK: Queues

    /// Changes a queue's configuration, unless that is settled already or there is no such queue.
    mutating func configureQueue(_ index: UInt32, _ change: (inout QueueConfiguration) -> Void) {
        guard acceptsQueues, index < queues.count else { return }
        change(&queues[Int(index)])
    }

    func queue(_ index: UInt32) -> QueueConfiguration? {
        index < queues.count ? queues[Int(index)] : nil
    }

    // MARK: Configuration

    /// Copies configuration bytes out; zeros where there are none.
    func readConfiguration(at offset: Int, into bytes: UnsafeMutableRawBufferPointer) {
        for index in bytes.indices {
            let (position, overflow) = offset.addingReportingOverflow(index)
            bytes[index] = !overflow && configuration.indices.contains(position) ? configuration[position] : 0
        }
    }

    /// The device changes its configuration, which the driver may be reading.
    mutating func updateConfiguration(_ change: (inout [UInt8]) -> Void) {
        change(&configuration)
        configurationGeneration &+= 1
    }

    /// The driver wrote to its part of the configuration, as the device allowed.
    mutating func storeConfiguration(_ bytes: [UInt8], at offset: Int) {
        for (index, byte) in bytes.enumerated() where configuration.indices.contains(offset + index) {
            configuration[offset + index] = byte
        }
    }
}
