import Instructions

/// Echoes COM1's input in upper case up to the first full stop, which ends the VM with status 7.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("echoing in upper case up to a full stop\n")
    while true {
        while Serial.lineStatus.readByte() & Serial.dataReady == 0 {
            pause()
        }
        let byte = Serial.data.readByte()
        switch byte {
        case UInt8(ascii: "."): return 7
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Serial.data.write(byte: byte - 32)
        default: Serial.data.write(byte: byte)
        }
    }
}
