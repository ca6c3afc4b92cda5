import CLinux
import Linux

/// Where a global system interrupt goes (`KVM_SET_GSI_ROUTING`).
public enum InterruptRoute: Equatable, Sendable {
    /// A pin of an in-kernel interrupt controller.
    case pin(chip: UInt32, pin: UInt32)
    /// A message-signalled interrupt.
    case message(address: UInt64, data: UInt32)
}

extension VirtualMachine {
    /// Sets an interrupt line of the in-kernel interrupt controllers (`KVM_IRQ_LINE`).
    public func setInterruptLine(gsi: UInt32, high: Bool) throws(KVMError) {
        var level = kvm_irq_level()
        level.irq = gsi
        level.level = high ? 1 : 0
        try control(descriptor, kKVM_IRQ_LINE, "KVM_IRQ_LINE", &level, on: "interrupt \(gsi)")
    }

    /// Lets each signal of `event` pulse interrupt line `gsi`, without an exit to user space (`KVM_IRQFD`). One that is
    /// there already does so at once.
    public func bind(_ event: borrowing EventCounter, toInterrupt gsi: UInt32) throws(KVMError) {
        try setIRQFD(event, gsi, flags: 0)
    }

    /// Undoes `bind(_:toInterrupt:)`: from its return on, signals stay in `event`.
    public func unbind(_ event: borrowing EventCounter, fromInterrupt gsi: UInt32) throws(KVMError) {
        try setIRQFD(event, gsi, flags: UInt32(KVM_IRQFD_FLAG_DEASSIGN))
    }

    private func setIRQFD(_ event: borrowing EventCounter, _ gsi: UInt32, flags: UInt32) throws(KVMError) {
        var irqfd = kvm_irqfd()
        irqfd.fd = UInt32(bitPattern: event.descriptor.rawValue)
        irqfd.gsi = gsi
        irqfd.flags = flags
        try control(descriptor, kKVM_IRQFD, "KVM_IRQFD", &irqfd, on: "interrupt \(gsi)")
    }

    /// Lets guest writes of `value` (`size` bytes wide) to a memory address signal `event` instead of making
    /// an exit to user space (`KVM_IOEVENTFD`).
    ///
    /// - Parameter value: nil for any value.
    public func bind(
        _ event: borrowing EventCounter, toWritesAt address: UInt64, size: UInt32, value: UInt64?
    ) throws(KVMError) {
        try setEvent(event, atWritesTo: address, size: size, value: value, flags: 0)
    }

    /// Takes back what `bind` did with the same arguments.
    public func unbind(
        _ event: borrowing EventCounter, fromWritesAt address: UInt64, size: UInt32, value: UInt64?
    ) throws(KVMError) {
        try setEvent(
            event, atWritesTo: address, size: size, value: value,
            flags: 1 << UInt32(kvm_ioeventfd_flag_nr_deassign))
    }

    private func setEvent(
        _ event: borrowing EventCounter, atWritesTo address: UInt64, size: UInt32, value: UInt64?, flags: UInt32
    ) throws(KVMError) {
        var ioeventfd = kvm_ioeventfd()
        ioeventfd.fd = event.descriptor.rawValue
        ioeventfd.addr = address
        ioeventfd.len = size
        ioeventfd.flags = flags
        if let value {
            ioeventfd.datamatch = value
            ioeventfd.flags |= 1 << UInt32(kvm_ioeventfd_flag_nr_datamatch)
        }
        try control(
            descriptor, kKVM_IOEVENTFD, "KVM_IOEVENTFD", &ioeventfd, on: "writes to 0x\(String(address, radix: 16))")
    }

    /// Replaces the whole table of interrupt routes.
    public func setInterruptRoutes(_ routes: [(gsi: UInt32, route: InterruptRoute)]) throws(KVMError) {
        let entries = routes.map { gsi, route in
            var entry = kvm_irq_routing_entry()
            entry.gsi = gsi
            switch route {
            case .pin(let chip, let pin):
                entry.type = UInt32(KVM_IRQ_ROUTING_IRQCHIP)
                entry.u.irqchip = kvm_irq_routing_irqchip(irqchip: chip, pin: pin)
            case .message(let address, let data):
                entry.type = UInt32(KVM_IRQ_ROUTING_MSI)
                entry.u.msi.address_lo = UInt32(truncatingIfNeeded: address)
                entry.u.msi.address_hi = UInt32(truncatingIfNeeded: address >> 32)
                entry.u.msi.data = data
            }
            return entry
        }
        var header = kvm_irq_routing()
        header.nr = UInt32(entries.count)
        let table = FlexibleStructure<kvm_irq_routing, kvm_irq_routing_entry>(header: header, elements: entries)
        try control(
            descriptor, kKVM_SET_GSI_ROUTING, "KVM_SET_GSI_ROUTING", table.start,
            on: "\(entries.count) interrupt routes")
    }
}
