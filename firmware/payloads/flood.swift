import Instructions

/// Writes to COM1 without end and as a driver should: each byte waits until the transmitter is empty, however long
/// that takes. After the first line, all lines are the 63 characters from "!" up, so that a lost byte shows.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("flooding the console\n")
    while true {
        for character in UInt8(ascii: "!")..<UInt8(ascii: "!") + 63 {
            writeWhenEmpty(character)
        }
        writeWhenEmpty(UInt8(ascii: "\n"))
    }
}

private func writeWhenEmpty(_ byte: UInt8) {
    while Serial.lineStatus.readByte() & Serial.transmitterEmpty == 0 {
        pause()
    }
    Serial.data.write(byte: byte)
}
