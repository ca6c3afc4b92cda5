/// Ends as a Linux kernel does that panicked with `panic=-1`: the line on the console, then a reset.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("[    0.000000] Kernel panic - not syncing: test\n")
    Port.acpiReset.write(byte: 1)
    failStillRunning()
}
