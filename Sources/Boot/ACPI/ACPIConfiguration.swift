/// What the ACPI tables are to describe: every address, port and interrupt is the machine's choice.
///
/// A GSI (global system interrupt) is a pin of the one I/O APIC. Linux on x86 refuses GSI 0 and 2 for devices
/// (`valid_IRQ` in drivers/acpi/resource.c), and so does `ACPITables.build`.
public struct ACPIConfiguration: Equatable, Sendable {
    /// Processors, 1 to 255; their APIC ids are 0 up to this number less one.
    public var cpuCount: Int
    /// Guest-physical address of the local APICs.
    public var localAPICAddress: UInt32
    public var ioAPIC: IOAPIC
    public var serialPorts: [SerialPort]
    public var power: PowerControl
    /// The interrupt raised to press the power button, edge-triggered and active high.
    public var powerButtonGSI: UInt32
    public var vmGenerationID: VMGenerationID?
    /// The one-byte port of a pvpanic device.
    public var pvpanicPort: UInt16?
    /// Up to 32 virtio devices behind MMIO registers.
    public var virtioDevices: [VirtioMMIODevice]
    /// PCI Express segment 0; nil means that there is no PCI.
    public var pciSegment: PCISegment?

    public init(
        cpuCount: Int, localAPICAddress: UInt32, ioAPIC: IOAPIC, serialPorts: [SerialPort] = [], power: PowerControl,
        powerButtonGSI: UInt32, vmGenerationID: VMGenerationID? = nil, pvpanicPort: UInt16? = nil,
        virtioDevices: [VirtioMMIODevice] = [], pciSegment: PCISegment? = nil
    ) {
        self.cpuCount = cpuCount
        self.localAPICAddress = localAPICAddress
        self.ioAPIC = ioAPIC
        self.serialPorts = serialPorts
        self.power = power
        self.powerButtonGSI = powerButtonGSI
        self.vmGenerationID = vmGenerationID
        self.pvpanicPort = pvpanicPort
        self.virtioDevices = virtioDevices
        self.pciSegment = pciSegment
    }

    /// The one I/O APIC; its pins are the GSIs from 0 up.
    public struct IOAPIC: Equatable, Sendable {
        public var id: UInt8
        /// Guest-physical address of its registers.
        public var address: UInt32

        public init(id: UInt8, address: UInt32) {
            self.id = id
            self.address = address
        }
    }

    /// A 16550A UART: eight I/O ports and an edge-triggered, active-high interrupt.
    public struct SerialPort: Equatable, Sendable {
        public var ioPort: UInt16
        public var gsi: UInt32

        public init(ioPort: UInt16, gsi: UInt32) {
            self.ioPort = ioPort
            self.gsi = gsi
        }
    }

    /// The one-byte registers that power off and reset the machine (ACPI 6.5 §4.8.3.6, §4.8.3.7).
    public struct PowerControl: Equatable, Sendable {
        /// SLEEP_CONTROL_REG: the guest writes `s5SleepType << 2 | 0x20` here to power off.
        public var sleepControlPort: UInt16
        /// SLEEP_STATUS_REG: the guest clears bit 7 (WAK_STS) by writing it before it goes to sleep.
        public var sleepStatusPort: UInt16
        /// SLP_TYP of the state S5, 0 to 7.
        public var s5SleepType: UInt8
        /// RESET_REG: the guest writes `resetValue` here to reset.
        public var resetPort: UInt16
        public var resetValue: UInt8

        public init(
            sleepControlPort: UInt16, sleepStatusPort: UInt16, s5SleepType: UInt8, resetPort: UInt16, resetValue: UInt8
        ) {
            self.sleepControlPort = sleepControlPort
            self.sleepStatusPort = sleepStatusPort
            self.s5SleepType = s5SleepType
            self.resetPort = resetPort
            self.resetValue = resetValue
        }
    }

    /// The VM generation id, which changes when a snapshot is resumed more than once.
    public struct VMGenerationID: Equatable, Sendable {
        /// Guest-physical address of the 16-byte GUID: a multiple of 8, in memory the guest does not use itself.
        public var guidAddress: UInt64
        /// The interrupt raised after the GUID has changed, edge-triggered and active high.
        public var gsi: UInt32

        public init(guidAddress: UInt64, gsi: UInt32) {
            self.guidAddress = guidAddress
            self.gsi = gsi
        }
    }

    /// A virtio device behind MMIO registers (virtio 1.3 §4.2).
    ///
    /// The interrupt is described as edge-triggered and active high, which is what an irqfd without a resample
    /// eventfd is: a pulse. On a level-triggered pin the local APIC would lose a pulse that comes before the
    /// handler's end of interrupt; an edge is kept. For the same reason each device ought to have its own GSI: pulses of
    /// two devices on one pin can merge.
    public struct VirtioMMIODevice: Equatable, Sendable {
        /// Guest-physical address of the registers.
        public var base: UInt32
        /// Bytes of registers and device configuration.
        public var size: UInt32
        public var gsi: UInt32

        public init(base: UInt32, size: UInt32, gsi: UInt32) {
            self.base = base
            self.size = size
            self.gsi = gsi
        }
    }
    /// A PCI Express segment under one host bridge, whose devices interrupt by MSI or MSI-X only.
    public struct PCISegment: Equatable, Sendable {
        /// Guest-physical address of bus 0 in the memory-mapped configuration space, a multiple of 1 MiB; each bus
        /// takes 1 MiB from there.
        public var ecamBase: UInt64
        /// The buses are 0 to this one.
        public var lastBus: UInt8
        /// Guest-physical addresses for 32-bit base address registers.
        public var memory32: ClosedRange<UInt32>
        /// Guest-physical addresses for 64-bit base address registers.
        public var memory64: ClosedRange<UInt64>?
        /// Ports for I/O base address registers.
        public var ioPorts: ClosedRange<UInt16>?
        /// What of bus 0 comes and goes while the guest runs; nil where nothing does.
        public var slots: Slots?

        /// Devices that come and go, each a slot with one function. They are told of by three ports of 32 bits with a bit for
        /// each device number: devices that have come, and devices that are to be let go of, both of which are cleared
        /// by being read, and devices that the guest has let go of, to be written.
        public struct Slots: Equatable, Sendable {
            /// Device numbers, each from 1 to 31 and once.
            public var devices: [UInt8]
            /// The first port of 12.
            public var ports: UInt16
            /// The interrupt that is high as long as the first two have anything to tell.
            public var gsi: UInt32

            public init(devices: [UInt8], ports: UInt16, gsi: UInt32) {
                self.devices = devices
                self.ports = ports
                self.gsi = gsi
            }
        }

        public init(
            ecamBase: UInt64, lastBus: UInt8, memory32: ClosedRange<UInt32>, memory64: ClosedRange<UInt64>? = nil,
            ioPorts: ClosedRange<UInt16>? = nil, slots: Slots? = nil
        ) {
            self.ecamBase = ecamBase
            self.lastBus = lastBus
            self.memory32 = memory32
            self.memory64 = memory64
            self.ioPorts = ioPorts
            self.slots = slots
        }
    }
}
