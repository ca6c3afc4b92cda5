/// A function's configuration registers: what a guest reads, and which bits it may write.
///
/// Base address registers need no logic of their own: the address bits below a range's size are not writable, so that a
/// guest that writes all ones reads back the size.
public struct ConfigurationSpace: Sendable {
    /// Bytes that exist; those beyond, up to `extendedSize`, read as zeros.
    public static let size = 256
    /// Bytes that PCI Express lets a guest address.
    public static let extendedSize = 4096

    /// What a function is.
    public struct Identity: Sendable {
        public var vendor: UInt16
        public var device: UInt16
        public var revision: UInt8
        /// Base class, subclass and programming interface, from the highest of three bytes down.
        public var classCode: UInt32
        public var subsystemVendor: UInt16
        public var subsystem: UInt16

        public init(
            vendor: UInt16, device: UInt16, revision: UInt8 = 0, classCode: UInt32, subsystemVendor: UInt16 = 0,
            subsystem: UInt16 = 0
        ) {
            self.vendor = vendor
            self.device = device
            self.revision = revision
            self.classCode = classCode
            self.subsystemVendor = subsystemVendor
            self.subsystem = subsystem
        }
    }

    private var registers = [UInt8](repeating: 0, count: size)
    private var writable = [UInt8](repeating: 0, count: size)
    private(set) var regions: [MemoryRegion] = []
    private var capabilitiesEnd = ConfigurationRegister.headerEnd
    /// Where the pointer to the next capability goes.
    private var capabilityLink = ConfigurationRegister.capabilitiesPointer

    public init(_ identity: Identity) {
        set(identity.vendor, at: ConfigurationRegister.vendorID)
        set(identity.device, at: ConfigurationRegister.deviceID)
        set(identity.classCode << 8 | UInt32(identity.revision), at: ConfigurationRegister.revisionID)
        set(identity.subsystemVendor, at: ConfigurationRegister.subsystemVendorID)
        set(identity.subsystem, at: ConfigurationRegister.subsystemID)
        typealias Command = ConfigurationRegister.Command
        allowWrites(
            of: Command.memorySpaceEnable | Command.busMasterEnable | Command.interruptDisable,
            at: ConfigurationRegister.command)
        // These two are the guest's to keep numbers in.
        allowWrites(of: UInt8.max, at: ConfigurationRegister.cacheLineSize)
        allowWrites(of: UInt8.max, at: ConfigurationRegister.interruptLine)
    }

    // MARK: For the guest

    /// Reads `count` bytes, at most four; zeros where nothing exists.
    public func read(at offset: Int, count: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<count where registers.indices.contains(offset + index) {
            value |= UInt32(registers[offset + index]) << UInt32(8 * index)
        }
        return value
    }

    /// Writes those of the `count` low bytes of `value`, at most four, that the guest may write.
    public mutating func write(_ value: UInt32, at offset: Int, count: Int) {
        for index in 0..<count where registers.indices.contains(offset + index) {
            let byte = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
            let mask = writable[offset + index]
            registers[offset + index] = registers[offset + index] & ~mask | byte & mask
        }
    }

    // MARK: For the function

    /// Sets registers whatever the guest may write; they must exist.
    public mutating func set<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value, at offset: Int) {
        for index in 0..<Value.bitWidth / 8 {
            registers[offset + index] = UInt8(truncatingIfNeeded: value >> Value(8 * index))
        }
    }

    /// Lets the guest write the bits that are set in `mask`.
    public mutating func allowWrites<Value: FixedWidthInteger & UnsignedInteger>(of mask: Value, at offset: Int) {
        for index in 0..<Value.bitWidth / 8 {
            writable[offset + index] = UInt8(truncatingIfNeeded: mask >> Value(8 * index))
        }
    }

    /// Adds a capability to the end of the list; the list of a function must fit into 192 bytes.
    ///
    /// - Parameter body: what follows the id and the pointer to the next capability.
    /// - Returns: the offset of the capability's id.
    public mutating func addCapability(_ id: UInt8, body: [UInt8]) -> Int {
        let offset = capabilitiesEnd
        precondition(offset + 2 + body.count <= Self.size, "a function has more capabilities than fit")
        registers.replaceSubrange(offset..<offset + 2 + body.count, with: [id, 0] + body)
        registers[capabilityLink] = UInt8(offset)
        capabilityLink = offset + 1
        capabilitiesEnd = (offset + 2 + body.count + 3) & ~3
        set(ConfigurationRegister.Status.capabilitiesList, at: ConfigurationRegister.status)
        return offset
    }

    /// Adds a range of memory that the function answers in.
    mutating func addRegion(_ region: MemoryRegion, at address: UInt64) {
        regions.append(region)
        let low = UInt32(truncatingIfNeeded: address & region.addressMask) | region.attributes
        set(low, at: region.offset)
        allowWrites(of: UInt32(truncatingIfNeeded: region.addressMask), at: region.offset)
        guard region.width == .bits64 else { return }
        set(UInt32(truncatingIfNeeded: address >> 32), at: region.offset + 4)
        allowWrites(of: UInt32(truncatingIfNeeded: region.addressMask >> 32), at: region.offset + 4)
    }

    mutating func markMultifunction() {
        set(ConfigurationRegister.HeaderType.multifunction, at: ConfigurationRegister.headerType)
    }

    /// The addresses at which the guest wants `region` to answer; nil while it has memory accesses switched off.
    func requestedAddresses(of region: MemoryRegion) -> ClosedRange<UInt64>? {
        let command = UInt16(truncatingIfNeeded: read(at: ConfigurationRegister.command, count: 2))
        guard command & ConfigurationRegister.Command.memorySpaceEnable != 0 else { return nil }
        let low = UInt64(read(at: region.offset, count: 4)) & ~ConfigurationRegister.BaseAddress.attributes
        let high = region.width == .bits64 ? UInt64(read(at: region.offset + 4, count: 4)) : 0
        // A multiple of a power of two, so that the last address cannot overflow.
        let start = high << 32 | low
        return start...(start | (region.size - 1))
    }

    // MARK: Snapshots

    /// All registers.
    var state: [UInt8] { registers }

    /// Takes what a guest may write from `state`, of `size` bytes, and leaves the rest alone.
    mutating func restore(_ state: [UInt8]) {
        for (offset, byte) in state.enumerated() { write(UInt32(byte), at: offset, count: 1) }
    }
}
