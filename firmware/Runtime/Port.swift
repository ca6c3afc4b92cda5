import Instructions

/// An I/O port of the machine.
struct Port {
    let number: UInt16

    init(_ number: UInt16) {
        self.number = number
    }

    /// One byte written here ends the VM with that byte as the status.
    static var debugExit: Port { Port(0xF4) }
    /// One byte written here marks a point of the start-up for the monitor to note the time of.
    static var milestone: Port { Port(0xF5) }
    /// The keyboard controller's command port; command 0xFE pulses the reset line.
    static var keyboardController: Port { Port(0x64) }
    /// ACPI 6.5 §4.8.3.7, Sleep Control and Status Registers.
    static var sleepControl: Port { Port(0x600) }
    /// ACPI 6.5 §4.8.3.6, Reset Register.
    static var acpiReset: Port { Port(0x602) }

    func write(byte: UInt8) { outb(number, byte) }
    func write(word: UInt16) { outw(number, word) }
    func write(dword: UInt32) { outl(number, dword) }
    func readByte() -> UInt8 { inb(number) }
    func readWord() -> UInt16 { inw(number) }
    func readDword() -> UInt32 { inl(number) }
}
