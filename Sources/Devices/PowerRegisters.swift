/// What a write to one of the machine's small registers asks for.
public enum MachineRequest: Equatable, Sendable {
    case powerOff
    case reset
    /// The guest's kernel says that it panicked.
    case panicked
}

/// The sleep control and reset registers of hardware-reduced ACPI (ACPI 6.5 §4.8.3.7, §4.8.3.6).
public enum PowerRegisters {
    /// The sleep type that the machine's `\_S5` object names for soft-off.
    public static let softOffType: UInt8 = 5
    /// What a guest writes to the reset register.
    public static let resetValue: UInt8 = 1

    /// A write to the sleep control register: SLP_TYP in bits 2 to 4, SLP_EN in bit 5.
    public static func writeSleepControl(_ value: UInt8) -> MachineRequest? {
        value & 1 << 5 != 0 && value >> 2 & 7 == softOffType ? .powerOff : nil
    }

    public static func writeReset(_ value: UInt8) -> MachineRequest? {
        value == resetValue ? .reset : nil
    }
}
