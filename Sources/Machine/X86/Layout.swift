import PCI
import Virtio

/// Where everything that is not memory stands in an x86 machine: its one list of addresses, ports and interrupts.
enum Layout {
    // Memory addresses. Memory ends at `deviceHole` at the latest and goes on at 4 GiB.

    /// Start of the addresses below 4 GiB that never hold memory.
    static let deviceHole: UInt64 = 0xC000_0000
    /// Registers of virtio devices, a page each.
    static let virtioMMIO: UInt64 = deviceHole
    /// Memory regions of PCI devices.
    static let pciMemory: ClosedRange<UInt32> = 0xD000_0000...0xDFFF_FFFF
    /// The configuration space of PCI bus 0.
    static let pciConfiguration: UInt64 = 0xE000_0000
    static let ioAPIC: UInt32 = 0xFEC0_0000
    static let localAPIC: UInt32 = 0xFEE0_0000
    /// KVM's own pages for real mode on Intel processors: one for an identity map, three for a task state.
    static let identityMap: UInt64 = 0xFFFB_C000
    static let taskState: UInt64 = 0xFFFB_D000

    /// The 16 bytes of the VM generation id, in a page of memory that the guest is told to leave alone.
    static let vmGenerationID: UInt64 = 0xD_F000
    /// The ACPI tables' place, where a scan for the RSDP also looks (ACPI 6.5 §5.2.5.1).
    static let acpiTables: Range<UInt64> = 0xE_0000..<0x10_0000

    static func virtioMMIOBase(slot: Int) -> UInt64 { virtioMMIO + UInt64(slot) * MMIOTransport.size }

    // Ports.

    static let keyboardControllerCommand: UInt16 = 0x64
    /// A byte written here ends the machine with that status.
    static let debugExit: UInt16 = 0xF4
    /// A byte written here is a boot milestone.
    static let milestone: UInt16 = 0xF5
    static let com1: UInt16 = 0x3F8
    static let pvpanic: UInt16 = 0x505
    static let sleepControl: UInt16 = 0x600
    static let sleepStatus: UInt16 = 0x601
    static let reset: UInt16 = 0x602
    /// What comes into and goes out of the PCI bus's slots.
    static let pciSlots: Range<UInt16> = 0x610..<0x610 + Slots.size
    static let pciConfigurationPorts: Range<UInt16> = 0xCF8..<0xCF8 + ConfigurationPorts.count

    // Global system interrupts.

    static let com1Interrupt: UInt32 = 4
    static let powerButtonInterrupt: UInt32 = 5
    static let vmGenerationInterrupt: UInt32 = 6
    /// Of the PCI bus's slots; a virtio device over MMIO may have it where there is no bus. It may be high before a kernel
    /// is up, which an interrupt below 16 must not: those go to the PICs as well, whose vectors are exceptions' at first.
    static let pciSlotInterrupt: UInt32 = 16
    /// The I/O APIC's other pins, but those that Linux keeps from devices: 0, and 2, which cascades.
    private static let freeInterrupts: [UInt32] = [
        7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 1, 3,
    ]

    /// Message-signalled interrupts have no pins.
    static let firstMessageInterrupt: UInt32 = 24
    /// KVM's table has 4096 routes (`KVM_MAX_IRQ_ROUTES`), of which pins have 40.
    static let messageInterruptsEnd = firstMessageInterrupt + 4096 - 40

    /// The interrupt of a virtio device; from some slot on, two share one.
    static func virtioMMIOInterrupt(slot: Int) -> UInt32 { freeInterrupts[slot % freeInterrupts.count] }
}
