import Boot
import Devices
import GuestMemory
import GuestRoot
import Linux
import MachineConfiguration
import Virtio

/// A configuration whose files were opened and checked, with a place found for everything that the guest boots;
/// nothing of the host was asked for yet.
public struct MachinePlan: Sendable {
    public let configuration: VMConfiguration
    /// When all was checked, on `CLOCK_MONOTONIC` in nanoseconds.
    let time: UInt64
    /// What the agent's commands have as their root; nil where that is the agent's own.
    let root: RootSource?
    private let boot: BootPlan
    private let acpi: ACPITables
    let devices: DevicePlan
    /// Where the machine and its devices tell what happened.
    let events: EventLog

    /// - Parameter cache: where unpacked kernels are kept; nil to unpack on every start.
    /// - Throws: `ConfigurationError`, or `FieldError` for what a field names.
    public init(_ configuration: VMConfiguration, cache: KernelCache?) throws {
        try configuration.validate()
        self.configuration = configuration
        events = try EventLog()
        let root = try FieldError.naming("/agent/root") {
            try configuration.agent?.root.map { path in try RootSource(detecting: path) }
        }
        self.root = root
        devices = try DevicePlan(configuration, root: root, events: events)
        acpi = try ACPITables.build(
            Self.acpiConfiguration(configuration, devices),
            base: Layout.acpiTables.lowerBound,
            room: Layout.acpiTables.count)

        let kernel = try FieldError.naming("/kernel/path") {
            try KernelImage(
                path: configuration.kernel.path, bootProtocol: configuration.kernel.bootProtocol, cache: cache)
        }
        let initrd = try FieldError.naming("/kernel/initrd") {
            try configuration.kernel.initrd.map { path in try ByteSource(path: path) }
        }
        let agent = try configuration.agent.map {
            try AgentBoot.initrd(of: configuration, $0, root: root, kernel: kernel)
        }
        let commandLine = try FieldError.naming(
            configuration.kernel.append == nil ? "/kernel/commandLine" : "/kernel/append"
        ) {
            try KernelCommandLine(
                [
                    configuration.kernel.commandLine ?? Self.defaultCommandLine(configuration),
                    root == .archive ? AgentBoot.archiveParameters : "",
                    configuration.kernel.append ?? "",
                ],
                limit: kernel.commandLineLimit)
        }
        boot = try BootPlan(
            kernel: kernel, initrd: initrd ?? agent, commandLine: commandLine,
            machine: MachineDescription(
                memorySize: configuration.memory.bytes, holeStart: Layout.deviceHole, acpiTables: Layout.acpiTables,
                rsdpAddress: acpi.rsdpAddress))
        time = monotonicNanoseconds()
    }

    /// What the user should know about the configuration and may not expect, in sentences.
    public var warnings: [String] { devices.warnings }

    /// Puts everything that the guest finds at its start into its memory.
    ///
    /// - Returns: how the first vCPU begins.
    func load(into memory: GuestMemory) throws -> EntryState {
        try memory.write(acpi.bytes, at: Layout.acpiTables.lowerBound)
        try memory.write(Self.power.resetVectorCode, at: ACPIConfiguration.PowerControl.resetVectorAddress)
        var random = SystemRandomNumberGenerator()
        try memory.store(random.next(), at: Layout.vmGenerationID)
        try memory.store(random.next(), at: Layout.vmGenerationID + 8)
        return try boot.load(into: memory)
    }

    /// A serial port that is the console is the only one, so that the kernel need not look for more; where there is no PCI
    /// bus, it need not look for that either, and where there is one, no chip on it needs looking after before memory
    /// management is up. A guest that panics resets at once, and a reset goes through ACPI. The
    /// kernel's tests of its own cryptography, a sixth of a boot, have been done by whoever built it.
    private static func defaultCommandLine(_ configuration: VMConfiguration) -> String {
        let console =
            switch configuration.console.device {
            case .serial: "console=ttyS0 8250.nr_uarts=1"
            case .virtio: "console=hvc0 8250.nr_uarts=0"
            }
        let pci = configuration.transport == .pci ? "noearly" : "off"
        return "\(console) pci=\(pci) reboot=acpi panic=-1 cryptomgr.notests"
    }

    private static let power = ACPIConfiguration.PowerControl(
        sleepControlPort: Layout.sleepControl, sleepStatusPort: Layout.sleepStatus,
        s5SleepType: PowerRegisters.softOffType, resetPort: Layout.reset, resetValue: PowerRegisters.resetValue)

    private static func acpiConfiguration(
        _ configuration: VMConfiguration, _ devices: DevicePlan
    ) -> ACPIConfiguration {
        ACPIConfiguration(
            cpuCount: configuration.cpus, localAPICAddress: Layout.localAPIC,
            ioAPIC: .init(id: 0, address: Layout.ioAPIC),
            serialPorts: configuration.console.device == .serial
                ? [.init(ioPort: Layout.com1, gsi: Layout.com1Interrupt)] : [],
            power: power, powerButtonGSI: Layout.powerButtonInterrupt,
            vmGenerationID: .init(guidAddress: Layout.vmGenerationID, gsi: Layout.vmGenerationInterrupt),
            pvpanicPort: Layout.pvpanic,
            virtioDevices: (0..<(devices.transport == .mmio ? devices.devices.count : 0)).map { slot in
                .init(
                    base: UInt32(Layout.virtioMMIOBase(slot: slot)), size: UInt32(MMIOTransport.size),
                    gsi: Layout.virtioMMIOInterrupt(slot: slot))
            },
            pciSegment: devices.transport == .pci
                ? .init(
                    ecamBase: Layout.pciConfiguration, lastBus: 0, memory32: Layout.pciMemory,
                    slots: .init(
                        devices: devices.slots, ports: Layout.pciSlots.lowerBound, gsi: Layout.pciSlotInterrupt)) : nil)
    }
}
