/// Fixed ACPI Description Table of a hardware-reduced machine (ACPI 6.5 §5.2.9).
///
/// With HW_REDUCED_ACPI set, the operating system ignores the fields at offsets 46 to 108 and 148 to 232, which
/// describe the ACPI register blocks, the SCI and the PM timer; all of them are zero here.
struct FADT {
    var power: ACPIConfiguration.PowerControl
    var dsdtAddress: UInt64

    static let size = 276

    /// Fixed feature flags (ACPI 6.5 table 5.10).
    struct Flags: OptionSet {
        let rawValue: UInt32

        /// WBINVD writes back and invalidates all caches: required of every new processor.
        static let wbinvd = Flags(rawValue: 1 << 0)
        /// The power button is a control-method device, not a fixed register.
        static let controlMethodPowerButton = Flags(rawValue: 1 << 4)
        /// The sleep button is a control-method device or absent.
        static let controlMethodSleepButton = Flags(rawValue: 1 << 5)
        /// The RTC's wake status is not in fixed registers.
        static let noFixedRTC = Flags(rawValue: 1 << 6)
        /// RESET_REG is there and works.
        static let resetRegister = Flags(rawValue: 1 << 10)
        static let hardwareReduced = Flags(rawValue: 1 << 20)
    }

    /// IA-PC boot architecture flags (ACPI 6.5 table 5.11).
    ///
    /// The clear ones say: no device on an ISA bus beyond what the DSDT lists (bit 0), no 8042 (bit 1), MSI works
    /// (bit 3). Linux reads them in `acpi_parse_fadt`.
    struct BootArchitecture: OptionSet {
        let rawValue: UInt16

        /// Probing for VGA is not safe: there is none.
        static let noVGA = BootArchitecture(rawValue: 1 << 2)
        /// The links' power is not to be managed: virtual links have none.
        static let noASPMControl = BootArchitecture(rawValue: 1 << 4)
        /// Without this flag Linux polls ports 0x70 and 0x71 some 20,000 times for a clock that is not there.
        static let noCMOSClock = BootArchitecture(rawValue: 1 << 5)
    }

    func encode() -> [UInt8] {
        let flags: Flags = [
            .wbinvd, .controlMethodPowerButton, .controlMethodSleepButton, .noFixedRTC, .resetRegister,
            .hardwareReduced,
        ]
        let bootArchitecture: BootArchitecture = [.noVGA, .noASPMControl, .noCMOSClock]

        var body = LittleEndianBytes()
        body.append(UInt32(0))  // FIRMWARE_CTRL: a hardware-reduced machine needs no FACS
        body.append(UInt32(0))  // DSDT: X_DSDT has it
        body.appendZeros(1)
        body.append(UInt8(0))  // Preferred_PM_Profile: unspecified
        body.appendZeros(63)  // SCI_INT to CENTURY: register blocks
        body.append(bootArchitecture.rawValue)
        body.appendZeros(1)
        body.append(flags.rawValue)
        GenericAddress(ioPort: power.resetPort).encode(to: &body)
        body.append(power.resetValue)
        body.append(UInt16(0))  // ARM_BOOT_ARCH
        body.append(UInt8(5))  // FADT Minor Version: ACPI 6.5
        body.append(UInt64(0))  // X_FIRMWARE_CTRL
        body.append(dsdtAddress)  // X_DSDT
        body.appendZeros(8 * GenericAddress.size)  // X_PM1a_EVT_BLK to X_GPE1_BLK: register blocks
        GenericAddress(ioPort: power.sleepControlPort).encode(to: &body)
        GenericAddress(ioPort: power.sleepStatusPort).encode(to: &body)
        body.append("SWIFTLET")  // Hypervisor Vendor Identity
        return SystemTable.encode("FACP", revision: 6, body: body.bytes)
    }
}
