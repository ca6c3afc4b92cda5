import Instructions

/// Jumps to itself with interrupts off: a vCPU that never leaves the guest by its own doing.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("spinning with interrupts off\n")
    spin()
}
