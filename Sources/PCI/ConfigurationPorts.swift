import Synchronization

/// Configuration space through two ports of a PC (configuration mechanism 1, PCI Local Bus Specification 3.0 §3.2.2.3.2):
/// an address at 0xCF8, and the data of the four bytes that it names at 0xCFC.
///
/// The address is the machine's, not a vCPU's: guests take turns.
public final class ConfigurationPorts: Sendable {
    /// How many ports there are.
    public static let count: UInt16 = 8

    private enum Address {
        static let enable: UInt32 = 1 << 31
        /// Bus, device, function and register, and the enable bit; the rest reads as zeros.
        static let implemented: UInt32 = 0x80FF_FFFC
        static let bus: UInt32 = 0x00FF_0000
    }

    private let bus: Bus
    private let address = Atomic<UInt32>(0)

    public init(_ bus: Bus) {
        self.bus = bus
    }

    /// Reads from the port `offset` ports after the first.
    public func read(offset: UInt16, into bytes: UnsafeMutableRawBufferPointer) {
        switch (offset, bytes.count) {
        case (0, 4):
            bytes.storeLittleEndian(UInt64(selected))
        case (4..<Self.count, _):
            guard let target = target(offset) else { return bytes.storeOnes() }
            bus.readConfiguration(of: target.function, at: target.register, into: bytes)
        default:
            bytes.storeOnes()
        }
    }

    /// Writes to the port `offset` ports after the first. The address takes whole words only: other devices of a PC
    /// have ports among its bytes.
    public func write(offset: UInt16, bytes: UnsafeRawBufferPointer) {
        switch (offset, bytes.count) {
        case (0, 4):
            selected = UInt32(truncatingIfNeeded: bytes.loadLittleEndian())
        case (4..<Self.count, _):
            guard let target = target(offset) else { return }
            bus.writeConfiguration(of: target.function, at: target.register, bytes: bytes)
        default:
            break
        }
    }

    /// What the address port holds; to be saved and restored with the machine.
    public var selected: UInt32 {
        get { address.load(ordering: .relaxed) }
        set { address.store(newValue & Address.implemented, ordering: .relaxed) }
    }

    private func target(_ offset: UInt16) -> (function: FunctionAddress, register: Int)? {
        let selected = selected
        guard selected & Address.enable != 0, selected & Address.bus == 0 else { return nil }
        return (FunctionAddress(truncating: UInt64(selected >> 8)), Int(selected & 0xFC) + Int(offset & 3))
    }
}
