/// Says hello: the smallest guest that shows a working entry, long mode and serial port.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("hello from a bare-metal guest\n")
    return 0
}
