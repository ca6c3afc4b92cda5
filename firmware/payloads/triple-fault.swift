import Instructions

/// Raises an invalid-opcode exception with an empty interrupt descriptor table: neither it nor the double
/// fault that follows has a handler, so the CPU shuts down.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("raising a triple fault\n")
    lidt(nil, 0)
    ud2()
    fail("the invalid instruction returned", status: 1)
}
