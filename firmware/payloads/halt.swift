/// Halts with interrupts off, so that nothing but the monitor can end the VM.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("halting with interrupts off\n")
    stop()
}
