/// Enters the ACPI sleep state S5 through the sleep control register.
@c
func guestMain(startInfo: UnsafeRawPointer) -> UInt8 {
    Console.write("powering off through ACPI\n")
    Port.sleepControl.write(byte: enterS5)
    failStillRunning()
}

/// SLP_EN (bit 5) and SLP_TYP 5 (bits 2 to 4), the value the machine's `\_S5` package names (ACPI 6.5 §4.8.3.7).
private var enterS5: UInt8 { 1 << 5 | 5 << 2 }
