extension ACPIConfiguration.PowerControl {
    /// Where a processor fetches its first instruction in real mode, F000:FFF0. There is room for 16 bytes.
    public static let resetVectorAddress: UInt64 = 0xF_FFF0

    /// Real-mode code for `resetVectorAddress` that resets the machine through `resetPort`.
    ///
    /// RESET_REG alone does not reset a stock Linux. On a hardware-reduced machine `reboot_init` prefers EFI to ACPI
    /// (`efi_reboot_required`); where EFI is missing too, `native_machine_emergency_restart` jumps to the reset
    /// vector of the BIOS, and without this code it would run through whatever memory is there. `reboot=acpi` on
    /// the kernel's command line makes it write RESET_REG instead.
    public var resetVectorCode: [UInt8] {
        var code = LittleEndianBytes()
        code.append(UInt8(0xBA))  // mov dx, resetPort
        code.append(resetPort)
        code.append(UInt8(0xB0))  // mov al, resetValue
        code.append(resetValue)
        code.append([0xEE])  // out dx, al
        code.append([0xF4])  // hlt
        code.append([0xEB, 0xFD])  // jmp to the hlt
        return code.bytes
    }
}
