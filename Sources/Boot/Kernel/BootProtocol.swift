/// How a kernel is entered and told about its machine.
public enum BootProtocol: String, Sendable {
    /// Xen's PVH entry: 32-bit, for an ELF file that names it in a note.
    case pvh
    /// The 64-bit entry of the Linux x86 boot protocol.
    case linux64
}
