/// The part of the DSDT that describes a PCI Express segment.
struct PCIHostBridge {
    var segment: ACPIConfiguration.PCISegment

    static let name: NameSegment = "PCI0"

    var devices: [AML] { [hostBridge, reservedConfigurationSpace] }

    /// Without a `_PRT`, because no interrupt pin is wired: devices use MSI or MSI-X.
    private var hostBridge: AML {
        var windows = [
            ResourceDescriptor.busWindow(0...UInt16(segment.lastBus)), .memoryWindow(segment.memory32),
        ]
        if let addresses = segment.memory64 { windows.append(.memoryWindow(addresses)) }
        if let ports = segment.ioPorts { windows.append(.ioWindow(ports)) }
        return .device(
            Self.name,
            [
                .name("_HID", .eisaID("PNP0A08")),
                .name("_CID", .eisaID("PNP0A03")),
                .name("_UID", .integer(0)),
                .name("_SEG", .integer(0)),
                .name("_BBN", .integer(0)),
                .name("_CCA", .integer(1)),
                .name("_CRS", .resourceTemplate(windows)),
            ] + (segment.slots.map { PCISlots(slots: $0).terms } ?? []))
    }

    /// Motherboard resources (PNP0C02). Linux only uses a configuration space that is reserved here or in the memory
    /// map, as the PCI Firmware Specification 3.3 §4.1.2 asks.
    private var reservedConfigurationSpace: AML {
        let addresses = segment.ecamBase...(segment.ecamBase &+ segment.ecamSize &- 1)
        return .device(
            "ECAM",
            [
                .name("_HID", .eisaID("PNP0C02")),
                .name("_UID", .integer(0)),
                .name("_CRS", .resourceTemplate([.memoryWindow(addresses, consumed: true)])),
            ])
    }
}
