import MachineConfiguration
import Network

/// Which frames a driver wants, by their destination (virtio 1.3 §5.1.6.5.1, §5.1.6.5.2).
struct ReceiveFilter: Codable, Equatable, Sendable {
    /// A table with more addresses than this lets all of its kind pass.
    static let tableLimit = 64

    /// The device's own address.
    var mac: MACAddress
    /// Everything passes, as long as the driver has not said otherwise.
    var isPromiscuous = true
    /// Every group address passes.
    var allowsAllGroups = false
    /// Further addresses, of stations and of groups; nil where there were too many to keep.
    private(set) var stations: [MACAddress]? = []
    private(set) var groups: [MACAddress]? = []

    init(mac: MACAddress) {
        self.mac = mac
    }

    mutating func setTables(stations: [MACAddress]?, groups: [MACAddress]?) {
        self.stations = stations
        self.groups = groups
    }

    private static let broadcast = MACAddress(InlineArray(repeating: 0xFF))

    func accepts(_ destination: MACAddress) -> Bool {
        if isPromiscuous || destination == mac || destination == Self.broadcast { return true }
        if destination.isGroup { return allowsAllGroups || groups?.contains(destination) ?? true }
        return stations?.contains(destination) ?? true
    }
}
