import Devices
import GuestMemory
import Linux
import MachineConfiguration
import Virtio

/// The virtio devices of a configuration, made and checked, but not yet known to any virtual machine.
struct DevicePlan: Sendable {
    /// How the guest reaches the devices.
    let transport: VMConfiguration.DeviceTransport
    /// The devices' threads, not yet started; empty when there are no devices.
    private(set) var loops: [EventLoop] = []
    private var shared: EventLoop?
    /// In the order of their slots.
    private(set) var devices: [PlannedDevice] = []
    /// What the user should know about them and may not expect, in sentences.
    private(set) var warnings: [String] = []
    private(set) var disks: [DiskHandle] = []
    private(set) var nets: [NetHandle] = []

    struct PlannedDevice: Sendable {
        /// For messages.
        let name: String
        /// Makes the device known to the machine with this memory.
        let connect: @Sendable (GuestMemory, @escaping @Sendable (DeviceReport) -> Void) throws -> DeviceController
    }

    private(set) var balloon: Balloon?
    /// The virtio console; nil when the serial port is the console.
    private(set) var consoleLink: ConsoleLink?
    private(set) var console: LoopConfined<ConsoleDevice>?

    init(_ configuration: VMConfiguration, events: EventLog) throws {
        transport = configuration.transport
        // Queues, vectors and connections are descriptors, of which a process may by default have a thousand.
        if configuration.virtioDeviceCount > 0 { ResourceLimits.raiseDescriptors() }
        for disk in configuration.disks {
            let plan = try DiskPlan(disk, events)
            if let warning = plan.warning { warnings.append(warning) }
            // The host can keep this thread waiting, for a slow or a frozen disk: nobody else may have to wait for that.
            let device = try add(disk.id, plan.device, loop: try makeLoop(name: "disk-\(disk.id)"))
            disks.append(DiskHandle(disk, device: device))
        }
        for net in configuration.nets {
            let plan = try NetPlan(net)
            if let warning = plan.warning { warnings.append(warning) }
            nets.append(NetHandle(id: net.id, device: try add(net.id, plan.device)))
        }
        if configuration.entropy { try add("entropy", EntropyDevice()) }
        if let balloon = configuration.balloon { try add(balloon, memorySize: configuration.memory.bytes) }
        if let plan = try ConsolePlan(configuration, events) {
            consoleLink = plan.link
            console = try add("console", plan.device)
        }
        if let vsock = configuration.vsock { try add("vsock", try Self.vsock(vsock)) }
    }

    private static func vsock(_ configuration: VMConfiguration.Vsock) throws(ConfigurationError) -> VsockDevice {
        do throws(SystemCallError) {
            return VsockDevice(guestCID: configuration.cid, listener: try UnixListener(path: configuration.socket))
        } catch {
            let remedy =
                error.errno == .addressInUse
                ? "another program listens there, or it is no socket: choose another path, or end the program"
                : "choose a path in a directory that exists and can be written to"
            throw ConfigurationError(
                field: "vsock.socket", value: "'\(configuration.socket)'", problem: "\(error); \(remedy)")
        }
    }

    private mutating func add(_ configuration: VMConfiguration.Balloon, memorySize: UInt64) throws {
        let ledger = BalloonLedger()
        let device = BalloonDevice(
            ledger: ledger, memorySize: memorySize, target: configuration.size.bytes,
            deflatesOnOOM: configuration.deflateOnOOM,
            statisticsInterval: UInt64(configuration.statisticsInterval) * 1_000_000_000)
        balloon = Balloon(try add(Balloon.id, device), ledger: ledger)
    }

    /// The thread that serves all devices which have none of their own.
    private mutating func sharedLoop() throws(SystemCallError) -> EventLoop {
        if let shared { return shared }
        let loop = try makeLoop(name: "io")
        shared = loop
        return loop
    }

    private mutating func makeLoop(name: String) throws(SystemCallError) -> EventLoop {
        let loop = try EventLoop(name: name)
        loops.append(loop)
        return loop
    }

    @discardableResult
    private mutating func add<Device: VirtioDevice>(
        _ name: String, _ device: sending Device
    ) throws -> LoopConfined<Device> {
        try add(name, device, loop: try sharedLoop())
    }

    private mutating func add<Device: VirtioDevice>(
        _ name: String, _ device: sending Device, loop: EventLoop
    ) throws -> LoopConfined<Device> {
        let confined = LoopConfined(device, loop: loop)
        devices.append(
            PlannedDevice(name: name) { memory, report in
                try DeviceController(name: name, device: confined, memory: memory, report: report)
            })
        return confined
    }
}
