/// The pair of 8259A controllers, where there is one.
enum LegacyInterrupts {
    /// Keeps them from answering for the I/O APIC, whose lines are theirs as well.
    static func mask() {
        Port(0x21).write(byte: 0xFF)
        Port(0xA1).write(byte: 0xFF)
        LocalAPIC.maskLINT0()
    }
}
