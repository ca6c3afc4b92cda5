import Ports

// outb PORT VALUE: writes one byte to an I/O port; numbers are decimal. For guests' shell scripts, which have no other
// way to the machine's milestone and debug-exit ports.
//
// The exit status is 1 for arguments it cannot use, and 2 where the kernel does not permit it.

private func number(_ text: UnsafeMutablePointer<CChar>?, upTo limit: UInt32) -> UInt32? {
    guard let text, text[0] != 0 else { return nil }
    var value: UInt32 = 0
    var index = 0
    while text[index] != 0 {
        guard (48...57).contains(text[index]) else { return nil }
        value = value * 10 + UInt32(text[index] - 48)
        guard value <= limit else { return nil }
        index += 1
    }
    return value
}

@c
func main(count: CInt, arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    guard count == 3, let port = number(arguments[1], upTo: 0xFFFF), let value = number(arguments[2], upTo: 0xFF) else {
        return 1
    }
    guard ioperm(UInt(port), 1, 1) == 0 else { return 2 }
    outb(UInt16(port), UInt8(value))
    return 0
}
