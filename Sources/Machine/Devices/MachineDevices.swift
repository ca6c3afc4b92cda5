import GuestMemory
import KVM
import Linux
import PCI
import Virtio

/// A machine's virtio devices behind their transport, and the threads that serve them.
final class MachineDevices: Sendable {
    /// The registers in memory.
    let memoryBus: MemoryBus
    /// The PCI bus, when the devices are on one.
    let pci: PCIHost?
    private let loops: [EventLoop]
    private let controllers: [DeviceController]

    var names: [String] { controllers.map(\.name) }
    var statistics: [(name: String, TrafficStatistics)] { controllers.map { ($0.name, $0.statistics) } }

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
        switch plan.transport {
        case .mmio:
            pci = nil
            memoryBus = MemoryBus(try Self.onMMIO(controllers, wiring), pci: nil)
        case .pci:
            let pci = PCIHost()
            let router = MessageRouter(wiring, events: events)
            for controller in controllers {
                let vectors = try router.makeVectors(count: controller.queueCount + 1, name: controller.name)
                _ = try PCITransport(controller, on: pci.bus, vectors: vectors, wiring: wiring)
            }
            self.pci = pci
            memoryBus = MemoryBus([], pci: pci)
        }
    }

    private static func onMMIO(_ controllers: [DeviceController], _ wiring: MachineWiring) throws -> [MMIOTransport] {
        var transports: [MMIOTransport] = []
        for (slot, controller) in controllers.enumerated() {
            let interrupt = try SharedEventCounter()
            try wiring.vm.bind(interrupt.counter, toInterrupt: Layout.virtioMMIOInterrupt(slot: slot))
            transports.append(
                MMIOTransport(
                    controller, base: Layout.virtioMMIOBase(slot: slot), interrupt: interrupt, wiring: wiring))
        }
        return transports
    }

    func start() throws(SystemCallError) {
        for loop in loops { try loop.start() }
    }

    /// Waits until every device has finished what it is at; then none does anything until `resume`. No vCPU may run.
    func pause() {
        for controller in controllers { controller.hold() }
    }

    func resume() {
        for loop in loops { loop.perform { loop.release() } }
    }

    /// Lets every device finish what it is at, then ends their threads. No vCPU may run any more.
    func stop() {
        resume()
        for controller in controllers { controller.shutDown() }
        for loop in loops { loop.stop() }
        for loop in loops { loop.join() }
    }
}
