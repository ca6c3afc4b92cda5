/// What the user asks for with `--boot-protocol`.
public enum BootProtocolChoice: String, Codable, CaseIterable, Sendable {
    /// PVH for a kernel that has its note, otherwise `linux64`; a bzImage is unpacked on the host.
    case automatic = "auto"
    /// PVH; a bzImage is unpacked on the host.
    case pvh
    /// The 64-bit entry; a bzImage is left to unpack itself in the guest.
    case linux64
}
