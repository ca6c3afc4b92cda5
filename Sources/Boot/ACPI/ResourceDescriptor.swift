/// One entry of a device's `_CRS`: a range of addresses or an interrupt it uses (ACPI 6.5 §6.4).
struct ResourceDescriptor: Equatable {
    let bytes: [UInt8]

    /// I/O Port Descriptor (§6.4.2.5): `count` ports from `port`, with all 16 address bits decoded.
    static func io(port: UInt16, count: UInt8) -> ResourceDescriptor {
        var descriptor = LittleEndianBytes()
        descriptor.append(UInt8(0x47))
        descriptor.append(UInt8(0x01))  // Decode16
        descriptor.append(port)  // minimum base
        descriptor.append(port)  // maximum base
        descriptor.append(UInt8(1))  // alignment
        descriptor.append(count)
        return ResourceDescriptor(bytes: descriptor.bytes)
    }

    /// Extended Interrupt Descriptor (§6.4.3.6): one GSI, consumed, edge-triggered, active high.
    ///
    /// The older IRQ descriptor (§6.4.2.1) only reaches GSI 15, and Linux lets legacy settings override it.
    static func edgeInterrupt(gsi: UInt32, shared: Bool = false) -> ResourceDescriptor {
        var descriptor = LittleEndianBytes()
        descriptor.append(UInt8(0x89))
        descriptor.append(UInt16(6))
        descriptor.append(UInt8(shared ? 0x0B : 0x03))  // ResourceConsumer, Edge, ActiveHigh
        descriptor.append(UInt8(1))
        descriptor.append(gsi)
        return ResourceDescriptor(bytes: descriptor.bytes)
    }

    /// 32-Bit Fixed Memory Range Descriptor (§6.4.3.4), read and write.
    static func memory32Fixed(base: UInt32, size: UInt32) -> ResourceDescriptor {
        var descriptor = LittleEndianBytes()
        descriptor.append(UInt8(0x86))
        descriptor.append(UInt16(9))
        descriptor.append(UInt8(0x01))  // ReadWrite
        descriptor.append(base)
        descriptor.append(size)
        return ResourceDescriptor(bytes: descriptor.bytes)
    }
}
