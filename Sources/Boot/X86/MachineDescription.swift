/// What a kernel has to be told about the machine it boots on, and must fit into.
public struct MachineDescription: Equatable, Sendable {
    /// Where memory from address 0 ends.
    public let lowMemoryEnd: UInt64
    /// Bytes of memory from 4 GiB up.
    public let highMemorySize: UInt64
    /// Within `Layout.acpiTables..<Layout.acpiTablesEnd`; empty when there are none.
    public var acpiTables: Range<UInt64>
    /// The guest-physical address of the ACPI root pointer; 0 when there is none.
    public var rsdpAddress: UInt64
    /// Ranges that the kernel must leave alone, such as the window for PCI configuration.
    public var reserved: [Range<UInt64>]

    /// - Parameters:
    ///   - memorySize: bytes, as for `GuestMemory`, which gets at most 64 TiB.
    ///   - holeStart: as for `GuestMemory`, at most 4 GiB.
    public init(
        memorySize: UInt64, holeStart: UInt64 = 3 << 30, acpiTables: Range<UInt64> = 0..<0, rsdpAddress: UInt64 = 0,
        reserved: [Range<UInt64>] = []
    ) {
        let size = min(memorySize, 1 << 46)
        lowMemoryEnd = min(size, holeStart, Layout.identityMapEnd)
        highMemorySize = size - lowMemoryEnd
        self.acpiTables = acpiTables
        self.rsdpAddress = rsdpAddress
        self.reserved = reserved
    }
}
