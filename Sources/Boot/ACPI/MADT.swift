/// Multiple APIC Description Table: the processors' local APICs and the I/O APIC (ACPI 6.5 §5.2.12).
///
/// There are no interrupt source overrides: a hardware-reduced Linux has no legacy interrupts to route
/// (`acpi_generic_reduced_hw_init` installs `null_legacy_pic`), and every device states its own trigger mode in the DSDT.
struct MADT {
    /// At most 255: APIC id 255 is the broadcast address.
    var cpuCount: UInt8
    var localAPICAddress: UInt32
    var ioAPIC: ACPIConfiguration.IOAPIC

    func encode() -> [UInt8] {
        var body = LittleEndianBytes()
        body.append(localAPICAddress)
        body.append(UInt32(0))  // Flags: PCAT_COMPAT clear, there is no dual 8259

        for apicID in 0..<cpuCount {
            // Processor Local APIC Structure, §5.2.12.2
            body.append([0, 8])
            body.append(apicID)  // ACPI Processor UID
            body.append(apicID)
            body.append(UInt32(1))  // Flags: enabled
        }

        // I/O APIC Structure, §5.2.12.3
        body.append([1, 12])
        body.append(ioAPIC.id)
        body.appendZeros(1)
        body.append(ioAPIC.address)
        body.append(UInt32(0))  // Global System Interrupt Base

        return SystemTable.encode("APIC", revision: 6, body: body.bytes)
    }
}
