import Devices
import GuestMemory
import Linux
import Virtio

/// The virtio devices of a configuration, made and checked, but not yet known to any virtual machine.
struct DevicePlan: Sendable {
    /// How the guest reaches the devices.
    let transport: VMConfiguration.DeviceTransport
    /// The devices' threads, not yet started; empty when there are no devices.
    private(set) var loops: [EventLoop] = []
    /// In the order of their slots.
    private(set) var devices: [PlannedDevice] = []

    struct PlannedDevice: Sendable {
        /// For messages.
        let name: String
        /// Makes the device known to the machine with this memory.
        let connect: @Sendable (GuestMemory, @escaping @Sendable (String) -> Void) throws -> DeviceController
    }

    private(set) var balloon: Balloon?
    /// The virtio console; nil when the serial port is the console.
    private(set) var consoleLink: ConsoleLink?
    private(set) var console: LoopConfined<ConsoleDevice>?

    init(_ configuration: VMConfiguration, events: EventLog) throws {
        transport = configuration.transport
        if configuration.entropy { try add("entropy", EntropyDevice()) }
        if let balloon = configuration.balloon { try add(balloon, memorySize: configuration.memory.bytes) }
        try addConsole(configuration, events)
    }

    private mutating func add(_ configuration: VMConfiguration.Balloon, memorySize: UInt64) throws {
        let ledger = BalloonLedger()
        let device = BalloonDevice(
            ledger: ledger, memorySize: memorySize, target: configuration.size.bytes,
            deflatesOnOOM: configuration.deflateOnOOM,
            statisticsInterval: UInt64(configuration.statisticsInterval) * 1_000_000_000)
        balloon = Balloon(try add("balloon", device), ledger: ledger)
    }

    private mutating func addConsole(_ configuration: VMConfiguration, _ events: EventLog) throws {
        guard configuration.console == .virtio || !configuration.ports.isEmpty else { return }
        if configuration.console == .virtio { consoleLink = try ConsoleLink(console: Console()) }
        var peers: [(name: String, peer: any PortPeer)] = []
        for port in configuration.ports {
            if let path = port.socket { peers.append((port.name, try SocketPeer(path: path))) }
            if let path = port.file { peers.append((port.name, try FilePeer(path: path, report: events.report))) }
        }
        console = try add("console", ConsoleDevice(console: consoleLink, ports: peers))
    }

    /// The thread that serves all devices which ask for none of their own.
    private mutating func sharedLoop() throws(SystemCallError) -> EventLoop {
        if let loop = loops.first { return loop }
        let loop = try EventLoop(name: "io")
        loops.append(loop)
        return loop
    }

    @discardableResult
    private mutating func add<Device: VirtioDevice>(
        _ name: String, _ device: sending Device
    ) throws -> LoopConfined<Device> {
        let confined = LoopConfined(device, loop: try sharedLoop())
        devices.append(
            PlannedDevice(name: name) { memory, report in
                try DeviceController(name: name, device: confined, memory: memory, report: report)
            })
        return confined
    }
}
