/// The pvpanic device: one port through which a guest's kernel says that it panicked
/// (QEMU docs/specs/pvpanic).
public enum PanicNotifier {
    private static let panicked: UInt8 = 1 << 0
    private static let crashLoaded: UInt8 = 1 << 1

    /// The events that a guest may report, read from the port.
    public static let capabilities = panicked | crashLoaded

    /// A write of one or several events. A guest whose crash kernel takes over has not ended.
    public static func write(_ events: UInt8) -> MachineRequest? {
        events & panicked != 0 ? .panicked : nil
    }
}
