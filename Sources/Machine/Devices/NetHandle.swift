import Devices
import Linux
import MachineConfiguration
import Virtio

/// A network card of a machine, for whoever runs the machine.
public struct NetHandle: Sendable {
    /// As configured.
    public let id: String
    /// As configured, or the random one that it has instead.
    public let mac: MACAddress
    public let statistics: TrafficStatistics
    private let device: LoopConfined<NetDevice>

    init(id: String, mac: MACAddress, device: LoopConfined<NetDevice>) {
        self.id = id
        self.mac = mac
        self.device = device
        statistics = device.value.statistics
    }

    /// Plugs the card's cable in or out.
    public func setLink(up: Bool) {
        device.perform { $0.setLink(up: up) }
    }

    /// Puts a limit in place of the one there is, as the configuration has it; nil for none.
    public func setLimit(bytesPerSecond: UInt64?) {
        device.perform { $0.setLimit(bytesPerSecond: bytesPerSecond) }
    }
}
