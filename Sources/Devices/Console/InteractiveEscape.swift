/// Looks out for the user's wish to leave, in what is typed at a terminal in raw mode.
///
/// Ctrl-] and then `q` leaves. Ctrl-] twice sends one Ctrl-] to the guest. Ctrl-] followed by anything else
/// sends both.
public struct InteractiveEscape: Sendable {
    /// Ctrl-], as telnet has it.
    public static let prefix: UInt8 = 0x1d

    private var prefixed = false

    public init() {}

    /// Takes the next byte typed.
    ///
    /// - Parameter input: what goes to the guest is added here.
    /// - Returns: whether the user leaves.
    public mutating func filter(_ byte: UInt8, into input: inout [UInt8]) -> Bool {
        guard prefixed else {
            prefixed = byte == Self.prefix
            if !prefixed { input.append(byte) }
            return false
        }
        prefixed = false
        switch byte {
        case UInt8(ascii: "q"), UInt8(ascii: "Q"):
            return true
        case Self.prefix:
            input.append(byte)
        default:
            input.append(Self.prefix)
            input.append(byte)
        }
        return false
    }
}
