import GuestMemory
import KVM
import Linux
import Virtio

/// A machine's virtio devices behind their transport, and the threads that serve them.
final class MachineDevices: Sendable {
    /// The registers in memory.
    let memoryBus: MemoryBus
    private let loops: [EventLoop]
    private let controllers: [DeviceController]

    init(_ plan: DevicePlan, memory: GuestMemory, wiring: MachineWiring, events: EventLog) throws {
        loops = plan.loops
        controllers = try plan.devices.map { device in
            try device.connect(memory) { report in
                let problem =
                    switch report {
                    case .driver(let error): "stopped until the guest resets it: its driver gave it \(error)"
                    case .host(let problem): problem
                    }
                events.report("device '\(device.name)': \(problem)")
            }
        }
        var transports: [MMIOTransport] = []
        for (slot, controller) in controllers.enumerated() {
            let interrupt = try SharedEventCounter()
            try wiring.vm.bind(interrupt.counter, toInterrupt: Layout.virtioMMIOInterrupt(slot: slot))
            transports.append(
                MMIOTransport(
                    controller, base: Layout.virtioMMIOBase(slot: slot), interrupt: interrupt, wiring: wiring))
        }
        memoryBus = MemoryBus(transports)
    }

    func start() throws(SystemCallError) {
        for loop in loops { try loop.start() }
    }

    /// Lets every device finish what it is at, then ends their threads. No vCPU may run any more.
    func stop() {
        for controller in controllers { controller.shutDown() }
        for loop in loops { loop.stop() }
        for loop in loops { loop.join() }
    }
}
