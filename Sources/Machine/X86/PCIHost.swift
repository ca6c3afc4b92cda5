import PCI

/// The PCI bus and the ways in which a PC's processor reaches it: memory, the configuration space in memory, and two
/// ports.
struct PCIHost: Sendable {
    let bus = Bus(memory32: Layout.pciMemory)
    private let configurationPorts: ConfigurationPorts
    private let configurationAccess: EnhancedConfigurationAccess

    private static let configurationSpace =
        Layout.pciConfiguration..<Layout.pciConfiguration + EnhancedConfigurationAccess.size

    init() {
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
        guard Layout.pciConfigurationPorts.contains(port) else { return false }
        let offset = port - Layout.pciConfigurationPorts.lowerBound
        for start in stride(from: 0, to: bytes.count, by: size) {
            configurationPorts.read(
                offset: offset, into: UnsafeMutableRawBufferPointer(rebasing: bytes[start...].prefix(size)))
        }
        return true
    }

    /// Serves writes to a port in a row, likewise.
    func write(port: UInt16, size: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard Layout.pciConfigurationPorts.contains(port) else { return false }
        let offset = port - Layout.pciConfigurationPorts.lowerBound
        for start in stride(from: 0, to: bytes.count, by: size) {
            configurationPorts.write(
                offset: offset, bytes: UnsafeRawBufferPointer(rebasing: bytes[start...].prefix(size)))
        }
        return true
    }
}
