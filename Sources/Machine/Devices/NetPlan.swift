import Devices
import MachineConfiguration
import Network

/// A network card of the configuration, with its back end open.
struct NetPlan {
    let device: NetDevice
    let mac: MACAddress
    /// What its user should know and may not expect, in a sentence.
    let warning: String?

    /// - Throws: `TapError` or `PasstError`.
    init(_ net: VMConfiguration.Net) throws {
        let backend: any NetworkBackend
        (backend, warning) = try Self.backend(net)
        mac = net.mac ?? .random()
        device = NetDevice(backend, .init(mac: mac, bytesPerSecond: net.bytesPerSecond))
    }

    private static func backend(_ net: VMConfiguration.Net) throws -> (any NetworkBackend, warning: String?) {
        if let name = net.tap {
            let wasThere = TapInterface.exists(name)
            let tap = try TapInterface(name: name, queues: net.queues ?? 1, mtu: net.mtu)
            return (tap, tap.isUp ? nil : warning(net.id, name, wasThere: wasThere))
        }
        if let descriptor = net.fd { return (try TapInterface(descriptor: descriptor, mtu: net.mtu), nil) }
        return (try Passt(mtu: net.mtu), nil)
    }

    private static func warning(_ id: String, _ tap: String, wasThere: Bool) -> String {
        """
        network card '\(id)': \(wasThere ? "'\(tap)' is" : "there was no '\(tap)': it was made, and is") down, and \
        carries nothing until it is up: 'ip link set \(tap) up'
        """
    }
}
