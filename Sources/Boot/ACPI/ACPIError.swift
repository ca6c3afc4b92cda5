/// Why ACPI tables could not be made.
public enum ACPIError: Error, Equatable, CustomStringConvertible {
    /// The tables need more bytes than there is room for.
    case doNotFit(needed: Int, room: Int)
    /// The tables cannot start at this guest-physical address.
    case unusableBase(UInt64)
    /// A value of the configuration that the tables cannot express, or that Linux would refuse.
    case unusableValue(field: String, value: UInt64, allowed: String)

    public var description: String {
        switch self {
        case .doNotFit(let needed, let room):
            return "ACPI tables need \(needed) bytes, and there is room for \(room): configure fewer devices or CPUs"
        case .unusableBase(let base):
            return """
                ACPI tables at guest address 0x\(String(base, radix: 16)): they must start at a multiple of 16 and \
                end within the address space
                """
        case .unusableValue(let field, let value, let allowed):
            return "ACPI configuration: \(field) is \(value) (0x\(String(value, radix: 16))), but must be \(allowed)"
        }
    }
}
