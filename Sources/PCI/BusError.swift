/// Why something cannot be on the PCI bus.
public enum BusError: Error, Equatable, CustomStringConvertible {
    /// Every function of every device is taken.
    case full
    /// Every slot is taken.
    case noSlot
    /// The windows for memory regions have no `size` bytes left.
    case noRoom(size: UInt64)
    /// A saved state is of other functions than those on the bus.
    case foreignState

    public var description: String {
        switch self {
        case .full: "the PCI bus has room for \(FunctionAddress.capacity) devices: use fewer"
        case .noSlot: "all slots of the PCI bus are taken: take another device away before"
        case .noRoom(let size):
            "the PCI bus has no \(size >> 10) KiB of addresses left for another device: use fewer devices"
        case .foreignState:
            "the saved state is of a PCI bus with other devices: restore it with the configuration it was saved with"
        }
    }
}
