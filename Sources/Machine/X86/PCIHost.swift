import PCI

/// The PCI bus and the ways in which a PC's processor reaches it: memory, the configuration space in memory, and two
/// ports; and the ports of its slots.
struct PCIHost: Sendable {
    let bus: Bus
    let slots: Slots
    private let configurationPorts: ConfigurationPorts
    private let configurationAccess: EnhancedConfigurationAccess

    private static let configurationSpace =
        Layout.pciConfiguration..<Layout.pciConfiguration + EnhancedConfigurationAccess.size

    /// - Parameters:
    ///   - slots: the device numbers that are slots.
    ///   - setSlotInterrupt: raises the interrupt line of the slots, or lowers it.
    init(slots: [UInt8], setSlotInterrupt: @escaping @Sendable (Bool) -> Void) {
        bus = Bus(memory32: Layout.pciMemory)
        self.slots = Slots(of: bus, devices: slots, setInterrupt: setSlotInterrupt)
        configurationPorts = ConfigurationPorts(bus)
        configurationAccess = EnhancedConfigurationAccess(bus)
    }

    /// Serves a read of memory.
    ///
    /// - Returns: whether there is anything; otherwise nothing was done.
    func read(_ address: UInt64, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
        guard Self.configurationSpace.contains(address) else { return bus.read(at: address, into: bytes) }
        configurationAccess.read(offset: address - Layout.pciConfiguration, into: bytes)
        return true
    }

    /// Serves a write to memory, likewise.
    func write(_ address: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard Self.configurationSpace.contains(address) else { return bus.write(at: address, bytes: bytes) }
        configurationAccess.write(offset: address - Layout.pciConfiguration, bytes: bytes)
        return true
    }

    /// Serves reads of a port in a row, each of `size` bytes.
    ///
    /// - Returns: whether it is one of the bus's; otherwise nothing was done.
    func read(port: UInt16, size: Int, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
        guard Self.hasPort(port) else { return false }
        for start in stride(from: 0, to: bytes.count, by: size) {
            let bytes = UnsafeMutableRawBufferPointer(rebasing: bytes[start...].prefix(size))
            if Layout.pciSlots.contains(port) {
                slots.read(offset: port - Layout.pciSlots.lowerBound, into: bytes)
            } else {
                configurationPorts.read(offset: port - Layout.pciConfigurationPorts.lowerBound, into: bytes)
            }
        }
        return true
    }

    /// Serves writes to a port in a row, likewise.
    func write(port: UInt16, size: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard Self.hasPort(port) else { return false }
        for start in stride(from: 0, to: bytes.count, by: size) {
            let bytes = UnsafeRawBufferPointer(rebasing: bytes[start...].prefix(size))
            if Layout.pciSlots.contains(port) {
                slots.write(offset: port - Layout.pciSlots.lowerBound, bytes: bytes)
            } else {
                configurationPorts.write(offset: port - Layout.pciConfigurationPorts.lowerBound, bytes: bytes)
            }
        }
        return true
    }

    static func hasPort(_ port: UInt16) -> Bool {
        Layout.pciSlots.contains(port) || Layout.pciConfigurationPorts.contains(port)
    }
}
