/// Swiftlet's registers for devices on PCI bus 0 that come and go, with a bit for each device number.
enum SlotRegisters {
    /// Devices that have come; reading clears it.
    static var inserted: Port { Port(0x610) }
    /// Devices that are to be let go of; reading clears it.
    static var removals: Port { Port(0x614) }
    /// Devices that the guest has let go of.
    static var ejected: Port { Port(0x618) }
    static var end: UInt16 { 0x61C }
}
