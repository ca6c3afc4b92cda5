/// The device status field (virtio 1.3 §2.1).
public struct DeviceStatus: OptionSet, Codable, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let acknowledge = DeviceStatus(rawValue: 1)
    public static let driver = DeviceStatus(rawValue: 2)
    public static let driverOK = DeviceStatus(rawValue: 4)
    public static let featuresOK = DeviceStatus(rawValue: 8)
    public static let needsReset = DeviceStatus(rawValue: 64)
    public static let failed = DeviceStatus(rawValue: 128)
}

/// Feature bits that every device type shares (virtio 1.3 §6), and room for those of each type.
public struct Features: OptionSet, Codable, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// A feature by its number in the specification.
    public static func bit(_ number: UInt64) -> Features { Features(rawValue: 1 << number) }

    public static let indirectDescriptors = bit(28)
    public static let eventIndex = bit(29)
    public static let version1 = bit(32)

    /// What the queues and transports offer for every device.
    static let common: Features = [.indirectDescriptors, .eventIndex, .version1]
}

/// Device ids (virtio 1.3 §5).
public enum DeviceType: UInt16, Codable, Sendable {
    case net = 1
    case block = 2
    case console = 3
    case entropy = 4
    case balloon = 5
    case vsock = 19
    case fileSystem = 26
}

/// Where the parts of a split virtqueue lie within their areas, in bytes (virtio 1.3 §2.7).
enum SplitRing {
    static let largestSize: UInt16 = 32768

    static let descriptorSize = 16
    static let descriptorAlignment: UInt64 = 16
    static let availableAlignment: UInt64 = 2
    static let usedAlignment: UInt64 = 4

    static let index = 2
    static let ring = 4
    static let availableEntrySize = 2
    static let usedEntrySize = 8

    static func descriptorTableSize(_ size: UInt16) -> Int { descriptorSize * Int(size) }
    /// With `used_event`.
    static func availableRingSize(_ size: UInt16) -> Int { ring + availableEntrySize * Int(size) + 2 }
    /// With `avail_event`.
    static func usedRingSize(_ size: UInt16) -> Int { ring + usedEntrySize * Int(size) + 2 }

    enum DescriptorFlag {
        static let next: UInt16 = 1
        static let write: UInt16 = 2
        static let indirect: UInt16 = 4
    }

    static let availableNoInterrupt: UInt16 = 1
    static let usedNoNotify: UInt16 = 1
}
