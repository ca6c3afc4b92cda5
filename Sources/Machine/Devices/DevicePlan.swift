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
    /// What the user should know about them, in sentences.
    private(set) var notices: [String] = []

    struct PlannedDevice: Sendable {
        /// For messages.
        let name: String
        /// Makes the device known to the machine with this memory.
        let connect: @Sendable (GuestMemory, @escaping @Sendable (String) -> Void) throws -> DeviceController
    }

    init(_ configuration: VMConfiguration) throws {
        transport = configuration.transport
        for disk in configuration.disks {
            let plan = try DiskPlan(disk)
            notices += plan.notices
            try add(disk.id, plan.device)
        }
        if configuration.entropy { try add("entropy", EntropyDevice()) }
    }

    /// The thread that serves all devices which ask for none of their own.
    private mutating func sharedLoop() throws(SystemCallError) -> EventLoop {
        if let loop = loops.first { return loop }
        let loop = try EventLoop(name: "io")
        loops.append(loop)
        return loop
    }

    private mutating func add<Device: VirtioDevice>(_ name: String, _ device: sending Device) throws {
        let confined = LoopConfined(device, loop: try sharedLoop())
        devices.append(
            PlannedDevice(name: name) { memory, report in
                try DeviceController(name: name, device: confined, memory: memory, report: report)
            })
    }
}
