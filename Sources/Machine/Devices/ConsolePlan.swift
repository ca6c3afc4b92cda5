import Devices
import Linux
import MachineConfiguration

/// A configuration's virtio console and ports, with their files open and their sockets listening.
struct ConsolePlan {
    /// The console itself; nil when the serial port is the console.
    let link: ConsoleLink?
    let device: ConsoleDevice

    /// - Returns: nil for a machine without any.
    /// - Throws: `ConfigurationError` for a socket or a file that cannot be used, `SystemCallError`.
    init?(_ configuration: VMConfiguration, _ events: EventLog) throws {
        guard configuration.console.device == .virtio || !configuration.ports.isEmpty else { return nil }
        link = configuration.console.device == .virtio ? try ConsoleLink(console: Console()) : nil
        var peers: [(name: String, peer: any PortPeer)] = []
        for (index, port) in configuration.ports.enumerated() {
            if let path = port.socket { peers.append((port.name, try Self.socket(path, index))) }
            if let path = port.file { peers.append((port.name, try Self.file(path, index, port.name, events))) }
        }
        device = ConsoleDevice(console: link, ports: peers)
    }

    private static func socket(_ path: String, _ index: Int) throws(ConfigurationError) -> SocketPeer {
        do throws(SystemCallError) {
            return try SocketPeer(path: path)
        } catch {
            let remedy =
                error.errno == .addressInUse
                ? "another program listens there, or it is no socket: choose another path, or end the program"
                : "choose a path in a directory that exists and can be written to"
            throw ConfigurationError(
                field: "/ports/\(index)/socket", value: "'\(path)'", problem: "\(error); \(remedy)")
        }
    }

    private static func file(
        _ path: String, _ index: Int, _ name: String, _ events: EventLog
    ) throws(ConfigurationError) -> FilePeer {
        do throws(SystemCallError) {
            return try FilePeer(path: path) { problem in events.report("port '\(name)': \(problem)") }
        } catch {
            throw ConfigurationError(
                field: "/ports/\(index)/file", value: "'\(path)'",
                problem: "\(error); it must be a plain file that can be written to, or a place for a new one")
        }
    }
}
