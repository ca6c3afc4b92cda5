/// Text on COM1. It only writes the data register: the machine's UART is always ready for the next byte.
enum Console {
    static func write(_ text: StaticString) {
        let bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        for byte in bytes {
            Serial.data.write(byte: byte)
        }
    }

    static func write(decimal value: UInt64) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 {
            divisor *= 10
        }
        while divisor > 0 {
            Serial.data.write(byte: UInt8(truncatingIfNeeded: value / divisor % 10) + UInt8(ascii: "0"))
            divisor /= 10
        }
    }

    /// Writes `0x` and as many digits as the value needs.
    static func write(hex value: UInt64) {
        write("0x")
        var shift: UInt64 = 60
        while shift > 0, value >> shift == 0 {
            shift -= 4
        }
        while true {
            let digit = UInt8(truncatingIfNeeded: value >> shift & 0xF)
            Serial.data.write(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            if shift == 0 { return }
            shift -= 4
        }
    }
}
