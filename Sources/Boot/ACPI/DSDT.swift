/// Differentiated System Description Table: the devices, as AML (ACPI 6.5 §5.2.11.1).
struct DSDT {
    var configuration: ACPIConfiguration

    /// Device-specific notification 0x80: the power button was pressed (ACPI 6.5 §5.6.6), or the VM generation id
    /// has changed.
    private static let changed: UInt64 = 0x80
    private static let systemBus: NameSegment = "_SB"
    private static let powerButtonName: NameSegment = "PWRB"
    private static let generationIDName: NameSegment = "VGEN"

    func encode() -> [UInt8] {
        var devices = serialPorts
        devices.append(powerButton)
        if let generationID = configuration.vmGenerationID { devices.append(vmGenerationID(generationID)) }
        devices.append(genericEventDevice)
        if let port = configuration.pvpanicPort { devices.append(pvpanic(port: port)) }
        devices += virtioDevices
        if let segment = configuration.pciSegment { devices += PCIHostBridge(segment: segment).devices }

        let terms = AML.scope(Self.systemBus, devices).bytes + softOff.bytes
        // Revision 2 makes AML integers 64 bits wide.
        return SystemTable.encode("DSDT", revision: 2, body: terms)
    }

    /// `\_S5`: what to write to SLP_TYP to power off (ACPI 6.5 §7.4.2).
    private var softOff: AML {
        let sleepType = AML.integer(UInt64(configuration.power.s5SleepType))
        return .name("_S5", .package(sleepType, sleepType, .integer(0), .integer(0)))
    }

    private var serialPorts: [AML] {
        zip(UInt8(0)..., configuration.serialPorts).map { unit, port in
            .device(
                NameSegment("CM", unit: unit),
                [
                    .name("_HID", .eisaID("PNP0501")),
                    .name("_UID", .integer(UInt64(unit))),
                    .name(
                        "_CRS",
                        .resourceTemplate([.io(port: port.ioPort, count: 8), .edgeInterrupt(gsi: port.gsi)])),
                ])
        }
    }

    /// Control-method power button (ACPI 6.5 §4.8.3.1.2.1).
    private var powerButton: AML {
        .device(Self.powerButtonName, [.name("_HID", .eisaID("PNP0C0C"))])
    }

    /// Microsoft's Virtual Machine Generation ID: found by `_CID`, `ADDR` has the two halves of the GUID's address.
    private func vmGenerationID(_ generationID: ACPIConfiguration.VMGenerationID) -> AML {
        let address = generationID.guidAddress
        return .device(
            Self.generationIDName,
            [
                .name("_HID", .string("SWFT0001")),
                .name("_CID", .string("VM_Gen_Counter")),
                .name("_DDN", .string("VM_Gen_Counter")),
                .name("ADDR", .package(.integer(address & 0xFFFF_FFFF), .integer(address >> 32))),
            ])
    }

    /// Generic Event Device (ACPI 6.5 §5.6.9): turns interrupts into notifications, in the place of GPEs.
    private var genericEventDevice: AML {
        typealias Event = (gsi: UInt32, interrupt: ResourceDescriptor, handler: AML)
        func notification(_ gsi: UInt32, _ device: NameSegment) -> Event {
            (gsi, .edgeInterrupt(gsi: gsi), .notify(device, .integer(Self.changed)))
        }
        var events = [notification(configuration.powerButtonGSI, Self.powerButtonName)]
        if let generationID = configuration.vmGenerationID {
            events.append(notification(generationID.gsi, Self.generationIDName))
        }
        if let gsi = configuration.pciSegment?.slots?.gsi {
            let tellChanges = AML.call(atRoot: [Self.systemBus, PCIHostBridge.name, PCISlots.tellChanges])
            events.append((gsi, .levelInterrupt(gsi: gsi), tellChanges))
        }
        return .device(
            "GED",
            [
                .name("_HID", .string("ACPI0013")),
                .name("_UID", .integer(0)),
                .name("_CRS", .resourceTemplate(events.map(\.interrupt))),
                .method(
                    "_EVT", argumentCount: 1,
                    events.map { .ifEqual(.argument(0), .integer(UInt64($0.gsi)), [$0.handler]) }),
            ])
    }

    /// QEMU's pvpanic device: a guest that panics says so on this port.
    private func pvpanic(port: UInt16) -> AML {
        .device(
            "PEVT",
            [
                .name("_HID", .string("QEMU0001")),
                .name("_STA", .integer(0xF)),
                .name("_CRS", .resourceTemplate([.io(port: port, count: 1)])),
            ])
    }

    /// Virtio over MMIO (id `LNRO0005`, as Linux' virtio_mmio driver has it), coherent for DMA (`_CCA`,
    /// ACPI 6.5 §6.2.17).
    private var virtioDevices: [AML] {
        let devices = configuration.virtioDevices
        return zip(UInt8(0)..., devices).map { unit, device in
            let isShared = devices.count { $0.gsi == device.gsi } > 1
            return .device(
                NameSegment("VR", unit: unit),
                [
                    .name("_HID", .string("LNRO0005")),
                    .name("_UID", .integer(UInt64(unit))),
                    .name("_CCA", .integer(1)),
                    .name(
                        "_CRS",
                        .resourceTemplate([
                            .memory32Fixed(base: device.base, size: device.size),
                            .edgeInterrupt(gsi: device.gsi, shared: isShared),
                        ])),
                ])
        }
    }
}
