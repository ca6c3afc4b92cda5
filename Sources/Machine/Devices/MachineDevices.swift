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
    /// Of the devices on the PCI bus.
    let router: MessageRouter
    let memory: GuestMemory
    let wiring: MachineWiring
    let events: EventLog
    let state: ConditionLock<State>

    struct State {
        /// In the order in which they came.
        var devices: [AttachedDevice] = []
        /// The thread that serves all devices which have none of their own; nil when there never was one.
        var sharedLoop: EventLoop?
        var phase = Phase.made
    }

    enum Phase {
        case made, started, stopped
    }

    var names: [String] { state.withLock { $0.devices.map(\.name) } }

    var disks: [DiskHandle] {
        state.withLock { state in
            state.devices.compactMap { if case .disk(let disk) = $0.role { disk } else { nil } }
        }
    }

    var nets: [NetHandle] {
        state.withLock { state in
            state.devices.compactMap { if case .net(let net) = $0.role { net } else { nil } }
        }
    }

    var statistics: [(name: String, TrafficStatistics)] {
        state.withLock { $0.devices.map { ($0.name, $0.controller.statistics) } }
    }

    init(_ plan: DevicePlan, memory: GuestMemory, wiring: MachineWiring, events: EventLog) throws {
        self.memory = memory
        self.wiring = wiring
        self.events = events
        router = MessageRouter(wiring, events: events)
        let controllers = try plan.devices.map { device in
            try device.connect(memory, Self.report(of: device.name, to: events))
        }
        var places: [AttachedDevice.Place?]
        switch plan.transport {
        case .mmio:
            pci = nil
            places = controllers.map { _ in nil }
            memoryBus = MemoryBus(try Self.onMMIO(controllers, wiring), pci: nil)
        case .pci:
            let pci = PCIHost(slots: plan.slots) { [events] isHigh in
                do throws(KVMError) {
                    try wiring.vm.setInterruptLine(gsi: Layout.pciSlotInterrupt, high: isHigh)
                } catch {
                    events.report("the guest cannot be told of devices that come and go: \(error)")
                }
            }
            places = []
            for controller in controllers {
                let vectors = try router.makeVectors(for: controller)
                let address = try PCITransport(controller, vectors: vectors, wiring: wiring).attach(to: pci.bus)
                places.append(.init(address: address, vectors: vectors))
            }
            self.pci = pci
            memoryBus = MemoryBus([], pci: pci)
        }
        let devices = zip(zip(plan.devices, controllers), places).map { AttachedDevice($0.0, $0.1, $1) }
        state = ConditionLock(State(devices: devices, sharedLoop: plan.sharedLoop))
    }

    static func report(of name: String, to events: EventLog) -> @Sendable (DeviceReport) -> Void {
        { report in
            let problem =
                switch report {
                case .driver(let error): "stopped until the guest resets it: its driver gave it \(error)"
                case .host(let problem): problem
                }
            events.report("device '\(name)': \(problem)")
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
        try state.withLock { state throws(SystemCallError) in
            for loop in state.loops { try loop.start() }
            state.phase = .started
        }
    }

    /// Waits until every device has finished what it is at; then none does anything until `resume`. No vCPU may run.
    func pause() {
        let devices = state.withLock { $0.devices }
        for device in devices { device.controller.hold() }
    }

    func resume() {
        let loops = state.withLock { $0.loops }
        for loop in loops { loop.perform { loop.release() } }
    }

    /// Lets every device finish what it is at, then ends their threads. No vCPU may run any more.
    func stop() {
        resume()
        pci?.slots.close()
        state.withLock { $0.phase = .stopped }
        // Those that are on their way out are brought to their end by who waits for that.
        state.wait { !$0.devices.contains { $0.isLeaving } }
        let state = state.withLock { $0 }
        for device in state.devices { device.controller.shutDown() }
        for loop in state.loops { loop.stop() }
        for loop in state.loops { loop.join() }
    }
}

extension MachineDevices.State {
    fileprivate var loops: [EventLoop] { devices.compactMap(\.ownLoop) + (sharedLoop.map { [$0] } ?? []) }
}
