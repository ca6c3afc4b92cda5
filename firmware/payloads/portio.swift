import Instructions

/// Port accesses of each width and the string instruction.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("port I/O of each width\n")

    let text: StaticString = "a whole line by one rep outsb\n"
    rep_outsb(Serial.data.number, text.utf8Start, UInt64(text.utf8CodeUnitCount))

    checkUnmapped(Port(0x1234))
    checkUnmapped(Port(0xFFF0))

    checkScratch(0x55)
    checkScratch(0xAA)

    // Wider than the register, and past the last port: what it reads is the monitor's choice, but it must be answered.
    _ = Serial.modemControl.readWord()
    _ = Serial.modemControl.readDword()
    _ = Port(0xFFFF).readDword()

    Console.write("port I/O is right\n")
    return 0
}

private func checkUnmapped(_ port: Port) {
    port.write(byte: 0x12)
    port.write(word: 0x1234)
    port.write(dword: 0x1234_5678)
    require(port.readByte() == 0xFF, "an unmapped port's byte is not all ones", status: 1)
    require(port.readWord() == 0xFFFF, "an unmapped port's word is not all ones", status: 2)
    require(port.readDword() == 0xFFFF_FFFF, "an unmapped port's dword is not all ones", status: 3)
}

private func checkScratch(_ value: UInt8) {
    Serial.scratch.write(byte: value)
    require(Serial.scratch.readByte() == value, "the UART's scratch register lost its value", status: 4)
}
