/// Jumps to a guest-physical address where no memory is, so that there is no instruction to execute.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("jumping to unmapped memory\n")
    let nowhere = unsafeBitCast(UInt(0xD000_0000), to: (@convention(c) () -> Void).self)
    nowhere()
    fail("unmapped memory returned", status: 1)
}
