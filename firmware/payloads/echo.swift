import Instructions

/// Echoes COM1's input in upper case up to the first full stop, which ends the VM with status 7. Between two bytes it
/// halts.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("echoing in upper case up to a full stop\n")
    awaitInterruptsOfCOM1()
    while true {
        let byte = nextByte()
        switch byte {
        case UInt8(ascii: "."): return 7
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Serial.data.write(byte: byte - 32)
        default: Serial.data.write(byte: byte)
        }
    }
}

private func awaitInterruptsOfCOM1() {
    InterruptTable.install()
    LegacyInterrupts.mask()
    LocalAPIC.enable()
    IOAPIC.route(line: 4, toVector: 0x30, ofLocalAPIC: LocalAPIC.id)
    let outputsOn: UInt8 = 0b1011  // DTR, RTS and OUT2, which gates the interrupt line on a PC.
    Serial.modemControl.write(byte: outputsOn)
    let dataAvailableInterrupt: UInt8 = 1 << 0
    Serial.interruptEnable.write(byte: dataAvailableInterrupt)
}

/// Between the look at the line's status and the halt, interrupts are off.
private func nextByte() -> UInt8 {
    while Serial.lineStatus.readByte() & Serial.dataReady == 0 {
        sti_hlt()
        cli()
    }
    return Serial.data.readByte()
}

@c
func handleInterrupt(vector: UInt64) {
    LocalAPIC.endInterrupt()
}
