import Devices
import Network

extension NetDevice {
    /// Makes a network card and what it is connected to.
    ///
    /// - Throws: `TapError` or `PasstError`.
    static func make(_ configuration: VMConfiguration.Net) throws -> NetDevice {
        NetDevice(
            try backend(configuration),
            Options(mac: configuration.mac ?? .random(), bytesPerSecond: configuration.bytesPerSecond))
    }

    private static func backend(_ configuration: VMConfiguration.Net) throws -> any NetworkBackend {
        if let name = configuration.tap {
            return try TapInterface(name: name, queues: configuration.queues ?? 1, mtu: configuration.mtu)
        }
        if let descriptor = configuration.fd {
            return try TapInterface(descriptor: descriptor, mtu: configuration.mtu)
        }
        return try Passt(mtu: configuration.mtu)
    }
}
