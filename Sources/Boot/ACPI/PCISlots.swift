/// The part of a host bridge's scope that describes devices which come and go (ACPI 6.5 §6.3). It has Linux do so in its
/// `acpiphp` driver, which knows a slot by its `_EJ0` and a device by `_ADR`.
///
/// The slots have no `_STA`, by which their presence would be read from ports during a boot: without it, a guest looks into
/// configuration space for what is there, as it does anyway.
struct PCISlots {
    var slots: ACPIConfiguration.PCISegment.Slots

    static let portCount: UInt16 = 12

    /// The method that tells of all that has changed.
    static let tellChanges: NameSegment = "TELL"
    private static let tell: NameSegment = "TSLT"
    private static let registers: NameSegment = "SREG"
    private static let inserted: NameSegment = "SINS"
    private static let removals: NameSegment = "SREM"
    private static let ejected: NameSegment = "SEJT"

    /// Notifications that all devices know (ACPI 6.5 table 5.187).
    private enum Notification {
        static let deviceCheck = AML.integer(1)
        static let ejectRequest = AML.integer(3)
    }

    var terms: [AML] {
        [
            .ports(Self.registers, slots.ports, count: UInt8(Self.portCount)),
            .dwords(of: Self.registers, [Self.inserted, Self.removals, Self.ejected]),
        ] + slots.devices.map(device) + [
            // Of which devices, and with which notification.
            .method(
                Self.tell, argumentCount: 2,
                slots.devices.map { number in
                    .ifAnySet(
                        Self.bit(number), in: .argument(0), [.notify(Self.name(of: number), .argument(1))])
                }),
            .method(
                Self.tellChanges, argumentCount: 0,
                [
                    .call(Self.tell, .value(of: Self.inserted), Notification.deviceCheck),
                    .call(Self.tell, .value(of: Self.removals), Notification.ejectRequest),
                ]),
        ]
    }

    private func device(_ number: UInt8) -> AML {
        .device(
            Self.name(of: number),
            [
                .name("_ADR", .integer(UInt64(number) << 16)),
                .name("_SUN", .integer(UInt64(number))),
                .method("_EJ0", argumentCount: 1, [.store(Self.bit(number), in: Self.ejected)]),
            ])
    }

    private static func name(of number: UInt8) -> NameSegment { NameSegment("SL", unit: number) }

    private static func bit(_ number: UInt8) -> AML { .integer(1 << UInt64(number)) }
}
