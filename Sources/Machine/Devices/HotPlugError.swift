/// Why a device cannot come or go while the guest runs.
public enum HotPlugError: Error, Equatable, CustomStringConvertible {
    /// The devices are behind a transport that knows no such thing.
    case transport
    /// The machine has not been started yet, or has come to its end.
    case notRunning
    /// There is no device of this name.
    case notFound(String)
    /// It is neither a disk nor a network card.
    case stays(String)
    /// The guest was asked already to let go of it.
    case isLeaving(String)
    /// Devices share a slot of the bus when there are more than it has slots.
    case sharesSlot(String, with: String)
    /// As many devices are there as the bus has slots.
    case noSlot
    /// The guest has not let go of it in time.
    case timedOut(String)

    public var description: String {
        switch self {
        case .transport: "devices over MMIO are there from the machine's start to its end"
        case .notRunning: "the machine does not run"
        case .notFound(let id): "the machine has no device '\(id)'"
        case .stays(let id): "device '\(id)' is neither a disk nor a network card, and stays"
        case .isLeaving(let id): "device '\(id)' is being detached already"
        case .sharesSlot(let id, let other): "device '\(id)' shares its slot of the PCI bus with '\(other)', and stays"
        case .noSlot: "all slots of the PCI bus are taken"
        case .timedOut(let id): "the guest has not let go of device '\(id)' in time, which stays"
        }
    }
}
