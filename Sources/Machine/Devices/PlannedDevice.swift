import Devices
import GuestMemory
import Linux
import MachineConfiguration
import Virtio

/// A device that is made and checked, but not yet known to any virtual machine.
struct PlannedDevice: Sendable {
    /// What it is to whoever runs the machine.
    enum Role: Sendable {
        case disk(DiskHandle)
        case net(NetHandle)
        case other

        /// Whether it can be taken away while the guest runs.
        var canLeave: Bool {
            switch self {
            case .disk, .net: true
            case .other: false
            }
        }
    }

    let name: String
    let role: Role
    /// The thread that serves it.
    let loop: EventLoop
    /// Whether no other device is served there; the thread is not yet started then.
    let ownsLoop: Bool
    /// Makes the device known to the machine with this memory; on the loop's thread, or before that starts.
    let connect: @Sendable (GuestMemory, @escaping @Sendable (DeviceReport) -> Void) throws -> DeviceController

    init(name: String, role: Role, _ device: LoopConfined<some VirtioDevice>, ownsLoop: Bool = false) {
        self.name = name
        self.role = role
        self.ownsLoop = ownsLoop
        loop = device.loop
        connect = { memory, report in
            try DeviceController(name: name, device: device, memory: memory, report: report)
        }
    }

    /// A disk, with a thread of its own: the host can keep that waiting, for a slow or a frozen disk, and nobody else may
    /// have to wait then.
    ///
    /// - Parameter canLeave: whether it belongs to whoever runs the machine, who may change it and take it away.
    init(
        _ disk: VMConfiguration.Disk, _ plan: sending DiskPlan, canLeave: Bool
    ) throws(SystemCallError) {
        let device = LoopConfined(plan.device, loop: try EventLoop(name: "disk-\(disk.id)"))
        let role = canLeave ? Role.disk(DiskHandle(disk, device: device)) : .other
        self.init(name: disk.id, role: role, device, ownsLoop: true)
    }

    /// A share, with a thread of its own, as others must not wait for its requests when the machine is paused.
    init(_ share: VMConfiguration.Share, _ plan: sending SharePlan) throws(SystemCallError) {
        let device = LoopConfined(plan.device, loop: try EventLoop(name: "share-\(share.name)"))
        self.init(name: share.name, role: .other, device, ownsLoop: true)
    }

    init(_ net: VMConfiguration.Net, _ plan: sending NetPlan, on loop: EventLoop) {
        let mac = plan.mac
        let device = LoopConfined(plan.device, loop: loop)
        self.init(name: net.id, role: .net(NetHandle(id: net.id, mac: mac, device: device)), device)
    }
}
