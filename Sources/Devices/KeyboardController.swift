/// The part of an 8042 keyboard controller that kernels use to reset a PC (`reboot=k`).
public enum KeyboardController {
    /// A read of the status register: nothing to read, and ready for the next command.
    public static let status: UInt8 = 0

    /// A write to the command register: 0xF0 to 0xFF pulse output lines, the one of bit 0 resets the processor
    /// when its bit is clear.
    public static func writeCommand(_ command: UInt8) -> MachineRequest? {
        command & 0xF1 == 0xF0 ? .reset : nil
    }
}
