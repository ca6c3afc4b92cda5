import MachineConfiguration
import Network

/// A network device's configuration (virtio 1.3 §5.1.4).
enum NetConfigurationSpace {
    private static let macOffset = 0
    private static let statusOffset = 6
    private static let size = 12

    static func make(mac: MACAddress, queuePairs: Int, mtu: UInt16?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        let address = mac.bytes
        for index in address.indices { bytes.append(address[index]) }
        for field in [UInt16(1), UInt16(clamping: queuePairs), mtu ?? 0] {
            bytes.append(UInt8(truncatingIfNeeded: field))
            bytes.append(UInt8(truncatingIfNeeded: field >> 8))
        }
        return bytes
    }

    /// `VIRTIO_NET_S_LINK_UP`.
    static func setLink(up: Bool, in bytes: inout [UInt8]) {
        bytes[statusOffset] = up ? 1 : 0
    }

    static func setMAC(_ mac: MACAddress, in bytes: inout [UInt8]) {
        let address = mac.bytes
        for index in address.indices { bytes[macOffset + index] = address[index] }
    }
}
