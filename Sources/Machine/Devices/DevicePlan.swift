import Devices
import GuestMemory
import GuestRoot
import Linux
import MachineConfiguration
import PCI
import Storage
import Virtio

/// The virtio devices of a configuration, made and checked, but not yet known to any virtual machine.
struct DevicePlan: Sendable {
    /// How the guest reaches the devices.
    let transport: VMConfiguration.DeviceTransport
    /// The thread that serves all devices which have none of their own, not yet started; nil when there are none.
    private(set) var sharedLoop: EventLoop?
    /// In the order of their slots.
    private(set) var devices: [PlannedDevice] = []
    /// What the user should know about them and may not expect, in sentences.
    private(set) var warnings: [String] = []
    private(set) var balloon: Balloon?
    /// The virtio console; nil when the serial port is the console.
    private(set) var consoleLink: ConsoleLink?
    private(set) var console: LoopConfined<ConsoleDevice>?
    /// Where the guest's agent connects to; nil for a guest without one.
    private(set) var agentPorts: AgentPorts?

    /// - Parameter root: what the root of the agent's commands is; nil where they have none.
    init(_ configuration: VMConfiguration, root: RootSource?, events: EventLog) throws {
        transport = configuration.transport
        // Queues, vectors and connections are descriptors, of which a process may by default have a thousand.
        if configuration.virtioDeviceCount > 0 { ResourceLimits.raiseDescriptors() }
        for (index, disk) in configuration.disks.enumerated() {
            let plan = try FieldError.naming("/disks/\(index)/path") { try DiskPlan(disk, events) }
            if let warning = plan.warning { warnings.append(warning) }
            devices.append(try PlannedDevice(disk, plan, canLeave: true))
        }
        for (index, net) in configuration.nets.enumerated() {
            let plan = try FieldError.naming("/nets/\(index)/\(net.backendField)") { try NetPlan(net) }
            if let warning = plan.warning { warnings.append(warning) }
            devices.append(PlannedDevice(net, plan, on: try loop()))
        }
        if configuration.entropy { try add("entropy", EntropyDevice()) }
        if let balloon = configuration.balloon { try add(balloon, memorySize: configuration.memory.bytes) }
        if let plan = try ConsolePlan(configuration, events) {
            consoleLink = plan.link
            console = try add("console", plan.device)
        }
        agentPorts = configuration.agent.map { _ in AgentPorts() }
        if configuration.vsock != nil || agentPorts != nil {
            try add("vsock", try Self.vsock(configuration.vsock, ownPorts: agentPorts?.vsockPorts ?? [:]))
        }
        var shares = configuration.shares.enumerated().map { (field: "/shares/\($0)/path", share: $1) }
        if root == .directory, let path = configuration.agent?.root {
            let tag = VMConfiguration.Agent.rootDevice
            shares.append(("/agent/root", VMConfiguration.Share(path: path, tag: tag, readOnly: true)))
        }
        for (field, share) in shares {
            let plan = try FieldError.naming(field) {
                try SharePlan(share, of: shares.count, memorySize: configuration.memory.bytes)
            }
            devices.append(try PlannedDevice(share, plan))
        }
        if let agent = configuration.agent { try addDisks(of: agent, root: root, events) }
    }

    /// What the agent mounts for the root of commands. They come last, so that other disks are called in the guest what they
    /// are called without them.
    private mutating func addDisks(
        of agent: VMConfiguration.Agent, root: RootSource?, _ events: EventLog
    ) throws {
        if case .image = root, let path = agent.root {
            var disk = VMConfiguration.Disk(id: VMConfiguration.Agent.rootDevice, path: path)
            disk.readOnly = true
            let plan = try FieldError.naming("/agent/root") { try DiskPlan(disk, events) }
            if let warning = plan.warning { warnings.append(warning) }
            devices.append(try PlannedDevice(disk, plan, canLeave: false))
        }
        if let path = agent.keep {
            let disk = VMConfiguration.Disk(id: VMConfiguration.Agent.keepDevice, path: path)
            let plan = try FieldError.naming("/agent/keep") {
                try KeptLayer.prepare(path, size: agent.diskSize?.bytes)
                do throws(RawImageError) {
                    return try DiskPlan(disk, events)
                } catch  where error.problem == .inUse(readOnly: false) {
                    throw KeptLayerError(path: path, problem: .inUse)
                }
            }
            devices.append(try PlannedDevice(disk, plan, canLeave: false))
        }
    }

    /// Slots for devices that come later: each costs a boot two exits, and the kernel's log a line.
    private static let spareSlots = 8

    /// The device numbers of the PCI bus that are slots: those of disks and network cards, unless they share one, and
    /// some that are free.
    var slots: [UInt8] {
        let places = devices.indices.compactMap { FunctionAddress(index: $0)?.device }
        let leavable = zip(devices, places).compactMap { device, number in
            device.role.canLeave && places.count { $0 == number } == 1 ? number : nil
        }
        let free = (1..<UInt8(FunctionAddress.deviceCount)).filter { !places.contains($0) }
        return (leavable + free.prefix(Self.spareSlots)).sorted()
    }

    private static func vsock(
        _ configuration: VMConfiguration.Vsock?, ownPorts: VsockPorts
    ) throws(ConfigurationError) -> VsockDevice {
        guard let configuration else {
            return VsockDevice(guestCID: VMConfiguration.Vsock.usualContext, listener: nil, ownPorts: ownPorts)
        }
        do throws(SystemCallError) {
            return VsockDevice(
                guestCID: configuration.cid, listener: try UnixListener(path: configuration.socket), ownPorts: ownPorts)
        } catch {
            let remedy =
                error.errno == .addressInUse
                ? "another program listens there, or it is no socket: choose another path, or end the program"
                : "choose a path in a directory that exists and can be written to"
            throw ConfigurationError(
                field: "/vsock/socket", value: "'\(configuration.socket)'", problem: "\(error); \(remedy)")
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

    private mutating func loop() throws(SystemCallError) -> EventLoop {
        if let sharedLoop { return sharedLoop }
        let loop = try Self.makeSharedLoop()
        sharedLoop = loop
        return loop
    }

    static func makeSharedLoop() throws(SystemCallError) -> EventLoop { try EventLoop(name: "io") }

    @discardableResult
    private mutating func add<Device: VirtioDevice>(
        _ name: String, _ device: sending Device
    ) throws -> LoopConfined<Device> {
        let confined = LoopConfined(device, loop: try loop())
        devices.append(PlannedDevice(name: name, role: .other, confined))
        return confined
    }
}
