import Boot
import Devices
import GuestMemory
import GuestRoot
import KVM
import Linux
import MachineConfiguration
import Synchronization
import Virtio

/// A virtual machine: its memory, vCPUs and devices, from being ready to run to its end.
///
/// All of it can be used from any thread.
public final class Machine: Sendable {
    public let events: EventLog
    public let console: Console
    /// The guest's end of the console.
    public let consolePort: any ConsolePort
    /// COM1; nil when the console is a virtio device.
    public let serial: Serial16550?
    /// The guest's memory balloon, where it has one.
    public let balloon: Balloon?
    /// Where the guest's agent connects to; nil for a guest without one.
    public let agentPorts: AgentPorts?
    /// What the agent's commands have as their root; nil where that is the agent's own.
    public let root: RootSource?

    private let virtioConsole: LoopConfined<ConsoleDevice>?
    private let wiring: MachineWiring
    private let devices: MachineDevices
    private let memory: GuestMemory
    private let vcpus: [VCPUThread]
    private let gate = RunGate()
    /// Held while it is being paused.
    private let pausing = Mutex(())
    private let exitHandler: ExitHandler
    private let powerButton: EventCounter
    private let observer: ConsoleObserver

    /// Makes the machine and loads what it boots; nothing of the guest runs yet.
    ///
    /// - Throws: `KVMError`, `GuestMemoryError`, `SystemCallError` or an error of `Boot`, each of which says in a
    ///   sentence what failed.
    public init(_ system: borrowing System, _ plan: MachinePlan) throws {
        events = plan.events
        events.mark(.filesChecked, at: plan.time)
        let configuration = plan.configuration
        memory = try GuestMemory(
            size: configuration.memory.bytes, holeStart: Layout.deviceHole, pages: configuration.hugePages)
        let vm = try system.createVirtualMachine()
        // Memory first: with interrupt controllers there, each slot would wait for them to quiesce.
        for (slot, region) in memory.regions.enumerated() {
            try vm.setMemoryRegion(
                slot: UInt32(slot), guestAddress: region.start, size: region.count,
                hostAddress: memory.hostAddress(of: region))
        }
        try vm.reserveRealModePages(tss: Layout.taskState, identityMap: Layout.identityMap)
        try vm.createInterruptController()

        let entry = try plan.load(into: memory)
        vcpus = try VCPUFactory(system, vcpuCount: configuration.cpus).makeVCPUs(of: vm, entry: entry)

        if let link = plan.devices.consoleLink {
            (console, consolePort, serial) = (link.console, link, nil)
        } else {
            console = try Console()
            let serialInterrupt = try SharedEventCounter()
            try vm.bind(serialInterrupt.counter, toInterrupt: Layout.com1Interrupt)
            let serial = Serial16550(console: console) { serialInterrupt.counter.signal() }
            (consolePort, self.serial) = (serial, serial)
        }
        balloon = plan.devices.balloon
        agentPorts = plan.devices.agentPorts
        root = plan.root
        virtioConsole = plan.devices.console
        powerButton = try EventCounter()
        try vm.bind(powerButton, toInterrupt: Layout.powerButtonInterrupt)

        observer = ConsoleObserver(events: events)
        wiring = MachineWiring(vm)
        devices = try MachineDevices(plan.devices, memory: memory, wiring: wiring, events: events)
        exitHandler = ExitHandler(
            ports: PortBus(serial: serial, hasPCI: devices.pci != nil), memoryBus: devices.memoryBus, pci: devices.pci,
            memory: memory, events: events)
        events.mark(.machineReady)
    }

    /// Lets the vCPUs go.
    public func start() throws(SystemCallError) {
        do {
            try devices.start()
            for vcpu in vcpus {
                try vcpu.start(gate: gate) { [self] thread, exit in
                    guard let outcome = exitHandler.handle(exit, of: thread) else { return true }
                    end(outcome)
                    return false
                }
            }
        } catch {
            gate.set(.stopped)
            throw error
        }
        events.mark(.started)
        gate.set(.running)
    }

    /// Stops all vCPUs and then the devices, and returns once none of them does anything to the guest any more. That takes
    /// as long as the host takes for the requests that are in flight.
    ///
    /// - Returns: false when the machine came to its end instead.
    public func pause() -> Bool {
        pausing.withLock { _ in
            gate.set(.paused)
            for vcpu in vcpus { vcpu.kick() }
            guard gate.awaitPaused(vcpus.count) else { return false }
            devices.pause()
            return true
        }
    }

    public func resume() {
        devices.resume()
        gate.set(.running)
    }

    /// Presses the guest's power button; what it does about it, if anything, is up to the guest.
    public func pressPowerButton() {
        powerButton.signal()
    }

    /// Tells the guest how large its console is; a serial port has no size.
    public func resizeConsole(columns: UInt16, rows: UInt16) {
        virtioConsole?.perform { $0.resize(columns: columns, rows: rows) }
    }

    /// Brings the machine to its end, unless it has come there already: every vCPU stops.
    public func end(_ outcome: Outcome) {
        if events.end(outcome) { stop() }
    }

    private func stop() {
        gate.set(.stopped)
        for vcpu in vcpus { vcpu.kick() }
    }

    /// Waits until every thread of the machine is gone, after its end. Devices finish what they are at.
    public func join() {
        // The thread that ended the machine may not have come to this yet; once joined, no vCPU can be kicked.
        stop()
        pausing.withLock { _ in }
        for vcpu in vcpus { vcpu.join() }
        devices.stop()
    }

    /// Looks at output of the guest that is on its way to the user; to be given all of it, in order.
    public func observe(console bytes: UnsafeRawBufferPointer) {
        if observer.observe(bytes), let panic = observer.panic { end(panic) }
    }

    /// How the machine came to its end, in the light of all that it printed: a kernel that panics resets the
    /// machine or faults in the end.
    public var outcome: Outcome? {
        switch events.outcome {
        case .reset, .fault, .panicked(reason: nil): observer.panic ?? events.outcome
        case let outcome: outcome
        }
    }

    /// Bytes of guest memory.
    public var memorySize: UInt64 { memory.size }

    /// The virtio devices' names, in the order in which they came.
    public var deviceNames: [String] { devices.names }
    public var disks: [DiskHandle] { devices.disks }
    public var nets: [NetHandle] { devices.nets }

    // MARK: Devices that come and go

    /// Plugs a disk into a running machine, and tells the guest. Takes its time: it is for a thread that may wait.
    ///
    /// - Parameter disk: of a valid configuration together with what is there.
    /// - Throws: `HotPlugError`, or what else is wrong with it: `RawImageError`, `BusError`, `SystemCallError`.
    public func attach(_ disk: VMConfiguration.Disk) throws {
        try devices.attach(disk)
    }

    /// The same for a network card.
    ///
    /// - Throws: `HotPlugError`, or what else is wrong with it: `TapError`, `PasstError`, `BusError`, `SystemCallError`.
    public func attach(_ net: VMConfiguration.Net) throws {
        try devices.attach(net)
    }

    /// Has the guest let go of a disk or a network card, and waits until it has and the device's requests have ended. The
    /// device's file, or whatever else it has of the host, is free then.
    ///
    /// - Parameters:
    ///   - timeout: nanoseconds that the guest may take. Afterwards it is too late: the device stays, even if the guest
    ///     lets go of it, until it is detached once more.
    ///   - isGivenUp: whether it is too late already. Whoever changes that calls `reconsiderDetachments`.
    public func detach(
        _ id: String, timeout: UInt64, unless isGivenUp: () -> Bool = { false }
    ) throws(HotPlugError) {
        try devices.detach(id, timeout: timeout, unless: isGivenUp)
    }

    /// Has those who wait in `detach` look whether that is given up.
    public func reconsiderDetachments() {
        devices.reconsiderDetachments()
    }

    /// What passed through each virtio device so far, in the order of their slots.
    public var deviceStatistics: [(name: String, TrafficStatistics)] { devices.statistics }

    /// Bytes of guest memory that the host has given pages for; nil where the system does not tell.
    public var residentMemorySize: UInt64? { memory.residentSize }

    /// What each vCPU has done so far, by its id.
    public var vcpuStatistics: [VCPUStatistics] {
        vcpus.map { VCPUStatistics(exits: $0.exits, processorTime: $0.processorTime, waitTime: $0.waitTime) }
    }

    /// How often vCPUs came back to the monitor for `kind`, in total.
    public func exitCount(_ kind: ExitKind) -> UInt64 {
        vcpus.reduce(0) { $0 + $1.exits[kind] }
    }
}
