import _Volatile

/// The I/O APIC (Intel 82093AA data sheet).
enum IOAPIC {
    /// Delivers an edge-triggered, active-high interrupt line to one CPU.
    static func route(line: UInt8, toVector vector: UInt8, ofLocalAPIC id: UInt8) {
        write(register: 0x11 + 2 * line, UInt32(id) << 24)
        write(register: 0x10 + 2 * line, UInt32(vector))
    }

    private static func write(register: UInt8, _ value: UInt32) {
        VolatileMappedRegister<UInt32>(unsafeBitPattern: 0xFEC0_0000).store(UInt32(register))
        VolatileMappedRegister<UInt32>(unsafeBitPattern: 0xFEC0_0010).store(value)
    }
}
