/// A function's place on its bus: its device number, 0 to 31, and its function number, 0 to 7.
public struct FunctionAddress: Hashable, Codable, Sendable {
    public static let deviceCount = 32
    public static let functionsPerDevice = 8

    public let device: UInt8
    public let function: UInt8

    /// From the low eight bits, as configuration requests carry them: the device in bits 3 to 7, the function below.
    init(truncating bits: UInt64) {
        device = UInt8(truncatingIfNeeded: bits >> 3 & 0x1F)
        function = UInt8(truncatingIfNeeded: bits & 7)
    }

    /// The host bridge's place.
    static let hostBridge = FunctionAddress(truncating: 0)

    /// How many functions there is room for beside the host bridge.
    static let capacity = (deviceCount - 1) * functionsPerDevice

    /// The first function of a device.
    ///
    /// - Parameter device: 0 to 31.
    init(device: UInt8) {
        self.init(truncating: UInt64(device) << 3)
    }

    /// The place of the function attached after `index` others: each has a device to itself while there are any, since
    /// a guest then looks at the first function of each device only.
    ///
    /// - Returns: nil when the bus is full.
    public init?(index: Int) {
        guard index < Self.capacity else { return nil }
        let devices = Self.deviceCount - 1
        self.init(truncating: UInt64((1 + index % devices) << 3 | index / devices))
    }
}
