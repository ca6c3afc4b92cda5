import GuestMemory

/// A range of guest-physical addresses and what it is, as firmware tells a kernel.
public struct MemoryRange: Equatable, Sendable {
    /// Address range types of ACPI 6.5 §15 (table 15.10), which E820 and PVH share.
    public enum Kind: UInt32, Sendable {
        case memory = 1
        case reserved = 2
        /// Memory once the ACPI tables in it are no longer needed.
        case acpiReclaimable = 3
    }

    public let range: Range<UInt64>
    public let kind: Kind

    public init(_ range: Range<UInt64>, _ kind: Kind) {
        self.range = range
        self.kind = kind
    }
}

extension MemoryRange {
    /// The most ranges that a kernel takes (E820_MAX_ENTRIES_ZEROPAGE).
    static let mostRanges = 128

    /// The map of a machine, in ascending order, without overlaps as far as the reserved ranges have none.
    static func map(of machine: MachineDescription) -> [MemoryRange] {
        let area = Layout.acpiTables..<Layout.acpiTablesEnd
        let tables = machine.acpiTables.clamped(to: area)
        let reserved = machine.reserved.filter { !$0.isEmpty }
        let memory = [
            0..<min(machine.lowMemoryEnd, Layout.conventionalEnd),
            Layout.extendedStart..<max(machine.lowMemoryEnd, Layout.extendedStart),
            GuestMemory.highStart..<GuestMemory.highStart + machine.highMemorySize,
        ]
        let rest = subtract([tables], from: [area]) + reserved
        let ranges =
            subtract(reserved, from: memory).map { MemoryRange($0, .memory) }
            + rest.map { MemoryRange($0, .reserved) }
            + (tables.isEmpty ? [] : [MemoryRange(tables, .acpiReclaimable)])
        return ranges.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    /// What is left of `ranges` outside of `holes`.
    private static func subtract(_ holes: [Range<UInt64>], from ranges: [Range<UInt64>]) -> [Range<UInt64>] {
        holes.reduce(ranges.filter { !$0.isEmpty }) { left, hole in
            left.flatMap { range -> [Range<UInt64>] in
                guard range.overlaps(hole) else { return [range] }
                let below = range.lowerBound..<max(range.lowerBound, hole.lowerBound)
                let above = min(range.upperBound, hole.upperBound)..<range.upperBound
                return [below, above].filter { !$0.isEmpty }
            }
        }
    }
}
