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
        interrupt(gsi: gsi, flags: shared ? 0x0B : 0x03)  // ResourceConsumer, Edge, ActiveHigh
    }

    /// The same for one that is level-triggered, active high.
    static func levelInterrupt(gsi: UInt32) -> ResourceDescriptor {
        interrupt(gsi: gsi, flags: 0x01)  // ResourceConsumer, Level, ActiveHigh
    }

    private static func interrupt(gsi: UInt32, flags: UInt8) -> ResourceDescriptor {
        var descriptor = LittleEndianBytes()
        descriptor.append(UInt8(0x89))
        descriptor.append(UInt16(6))
        descriptor.append(flags)
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

    /// Word Address Space Descriptor (§6.4.3.5.3): the bus numbers below a host bridge.
    static func busWindow(_ buses: ClosedRange<UInt16>) -> ResourceDescriptor {
        addressSpace(tag: 0x88, type: 2, typeFlags: 0, range: buses)
    }

    /// Word Address Space Descriptor (§6.4.3.5.3): the ports below a host bridge, ISA and other.
    static func ioWindow(_ ports: ClosedRange<UInt16>) -> ResourceDescriptor {
        addressSpace(tag: 0x88, type: 1, typeFlags: 0x03, range: ports)
    }

    /// DWord Address Space Descriptor (§6.4.3.5.2): memory below a host bridge.
    static func memoryWindow(_ addresses: ClosedRange<UInt32>) -> ResourceDescriptor {
        addressSpace(tag: 0x87, type: 0, typeFlags: readWriteMemory, range: addresses)
    }

    /// QWord Address Space Descriptor (§6.4.3.5.1): memory below a host bridge, or used by the device itself.
    static func memoryWindow(_ addresses: ClosedRange<UInt64>, consumed: Bool = false) -> ResourceDescriptor {
        addressSpace(tag: 0x8A, type: 0, consumed: consumed, typeFlags: readWriteMemory, range: addresses)
    }

    /// Type-specific flags of memory (table 6.47): not cacheable, read and write.
    private static let readWriteMemory: UInt8 = 0x01

    /// The layout that the Word, DWord and QWord descriptors share, but for the width of their integers.
    private static func addressSpace<Address: FixedWidthInteger & UnsignedInteger>(
        tag: UInt8, type: UInt8, consumed: Bool = false, typeFlags: UInt8, range: ClosedRange<Address>
    ) -> ResourceDescriptor {
        var descriptor = LittleEndianBytes()
        descriptor.append(tag)
        descriptor.append(UInt16(3 + 5 * MemoryLayout<Address>.size))
        descriptor.append(type)
        descriptor.append(UInt8(consumed ? 0x0D : 0x0C))  // MaxFixed, MinFixed, PosDecode, producer or consumer
        descriptor.append(typeFlags)
        descriptor.append(Address(0))  // granularity
        descriptor.append(range.lowerBound)
        descriptor.append(range.upperBound)
        descriptor.append(Address(0))  // translation offset
        descriptor.append(range.upperBound &- range.lowerBound &+ 1)
        return ResourceDescriptor(bytes: descriptor.bytes)
    }
}
