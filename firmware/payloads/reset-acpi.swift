/// Resets the machine through the ACPI reset register.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("resetting through ACPI\n")
    Port.acpiReset.write(byte: 1)
    failStillRunning()
}
