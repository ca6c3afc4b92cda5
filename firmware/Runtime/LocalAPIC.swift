import _Volatile

/// The local APIC of the CPU that asks (Intel SDM volume 3, chapter 11).
enum LocalAPIC {
    private static func register(_ offset: UInt) -> VolatileMappedRegister<UInt32> {
        VolatileMappedRegister(unsafeBitPattern: 0xFEE0_0000 + offset)
    }

    static var id: UInt8 { UInt8(truncatingIfNeeded: register(0x20).load() >> 24) }

    /// Turns it on by its spurious interrupt vector register, with vector 255.
    static func enable() { register(0xF0).store(1 << 8 | 0xFF) }

    /// Masks the LINT0 pin, on which a legacy interrupt controller would be heard.
    static func maskLINT0() { register(0x350).store(1 << 16) }

    static func endInterrupt() { register(0xB0).store(0) }

    // MARK: Interprocessor interrupts

    /// Sends a fixed interrupt to this CPU.
    static func sendToSelf(vector: UInt8) {
        register(0x300).store(1 << 18 | UInt32(vector))
    }

    static func sendInit(to id: UInt8) {
        register(0x310).store(UInt32(id) << 24)
        register(0x300).store(1 << 14 | 5 << 8)
    }

    /// - Parameter page: the address of real-mode code below 1 MiB, divided by 4096.
    static func sendStartUp(to id: UInt8, page: UInt8) {
        register(0x310).store(UInt32(id) << 24)
        register(0x300).store(1 << 14 | 6 << 8 | UInt32(page))
    }

    // MARK: Timer

    /// Lets the timer expire once.
    ///
    /// - Parameter ticks: of the bus clock, undivided.
    static func startTimer(vector: UInt8, ticks: UInt32) {
        register(0x3E0).store(0b1011)
        register(0x320).store(UInt32(vector))
        register(0x380).store(ticks)
    }

    /// Has the timer follow `IA32_TSC_DEADLINE` from now on.
    static func useDeadlineTimer(vector: UInt8) {
        register(0x320).store(2 << 17 | UInt32(vector))
    }
}
