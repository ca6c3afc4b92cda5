/// The ACPI tables of a hardware-reduced machine (ACPI 6.5 §3.11.1), ready to be copied into guest memory.
public struct ACPITables: Equatable, Sendable {
    /// The RSDP, the XSDT, the FADT, the MADT, the DSDT and, with PCI, the MCFG, from the base address up.
    public let bytes: [UInt8]
    /// Guest-physical address of the RSDP. It equals the base, so a guest that scans the multiples of 16 between
    /// 0xE0000 and 0xFFFFF (ACPI 6.5 §5.2.5.1) finds it when the base is there.
    public let rsdpAddress: UInt64

    /// Tables start at multiples of this, which the legacy scan asks of the RSDP.
    static let alignment = 16

    /// Makes the tables for `configuration`.
    ///
    /// - Parameters:
    ///   - base: guest-physical address that the bytes will be copied to, a multiple of 16.
    ///   - room: bytes that may be used from `base` up. 16 KiB hold any configuration.
    /// - Throws: `ACPIError.unusableValue` for a value outside its documented range, `.unusableBase`, or `.doNotFit`.
    public static func build(
        _ configuration: ACPIConfiguration, base: UInt64, room: Int
    ) throws(ACPIError) -> ACPITables {
        try configuration.validate()
        guard base.isMultiple(of: UInt64(alignment)) else { throw .unusableBase(base) }

        // The RSDP names the XSDT, which names the others: room for the first is kept and filled last.
        var bytes = [UInt8](repeating: 0, count: RSDP.size)
        func place(_ table: [UInt8]) -> UInt64 {
            let padding = -bytes.count & (alignment - 1)
            bytes.append(contentsOf: repeatElement(0, count: padding))
            let address = base &+ UInt64(bytes.count)
            bytes.append(contentsOf: table)
            return address
        }

        let dsdtAddress = place(DSDT(configuration: configuration).encode())
        let fadt = FADT(power: configuration.power, dsdtAddress: dsdtAddress)
        let madt = MADT(
            cpuCount: UInt8(truncatingIfNeeded: configuration.cpuCount),
            localAPICAddress: configuration.localAPICAddress, ioAPIC: configuration.ioAPIC)
        var tableAddresses = [place(fadt.encode()), place(madt.encode())]
        if let segment = configuration.pciSegment {
            tableAddresses.append(place(MCFG(segment: segment).encode()))
        }
        let rsdp = RSDP(xsdtAddress: place(XSDT(tableAddresses: tableAddresses).encode())).encode()
        bytes.replaceSubrange(..<RSDP.size, with: rsdp)

        guard bytes.count <= room else { throw .doNotFit(needed: bytes.count, room: room) }
        guard !base.addingReportingOverflow(UInt64(bytes.count)).overflow else { throw .unusableBase(base) }
        return ACPITables(bytes: bytes, rsdpAddress: base)
    }
}
