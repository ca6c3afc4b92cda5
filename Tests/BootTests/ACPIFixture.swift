import Testing

@testable import Boot

extension ACPIConfiguration {
    /// A machine with everything the tables can describe but PCI, and the given numbers of CPUs and virtio devices.
    /// Its I/O APIC has 24 pins, so beyond 17 virtio devices some share theirs.
    static func sample(cpus: Int = 2, virtioDevices: Int = 2) -> ACPIConfiguration {
        ACPIConfiguration(
            cpuCount: cpus,
            localAPICAddress: 0xFEE0_0000,
            ioAPIC: IOAPIC(id: 9, address: 0xFEC0_0000),
            serialPorts: [SerialPort(ioPort: 0x3F8, gsi: 4), SerialPort(ioPort: 0x2F8, gsi: 3)],
            power: PowerControl(
                sleepControlPort: 0x600, sleepStatusPort: 0x601, s5SleepType: 5, resetPort: 0x602, resetValue: 0x42),
            powerButtonGSI: 5,
            vmGenerationID: VMGenerationID(guidAddress: 0x1_2345_6780, gsi: 6),
            pvpanicPort: 0x505,
            virtioDevices: (0..<virtioDevices).map { unit in
                VirtioMMIODevice(base: 0xD000_0000 + 0x1000 * UInt32(unit), size: 0x1000, gsi: 7 + UInt32(unit % 17))
            })
    }

    /// The same with a PCI segment, of which three devices are slots.
    static func sampleWithPCI(cpus: Int = 2, virtioDevices: Int = 2) -> ACPIConfiguration {
        var configuration = sample(cpus: cpus, virtioDevices: virtioDevices)
        configuration.pciSegment = PCISegment(
            ecamBase: 0xE000_0000, lastBus: 15, memory32: 0xC000_0000...0xCFFF_FFFF,
            memory64: 0x40_0000_0000...0x7F_FFFF_FFFF, ioPorts: 0x1000...0xFFFF,
            slots: .init(devices: [1, 2, 31], ports: 0x610, gsi: 24))
        return configuration
    }
}

extension [UInt8] {
    /// The little-endian integer at `offset`.
    func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
        self[offset..<offset + MemoryLayout<Value>.size].reversed().reduce(0) { $0 << 8 | Value($1) }
    }

    func text(at offset: Int, count: Int) -> String {
        String(decoding: self[offset..<offset + count], as: UTF8.self)
    }

    /// Modulo 256; zero for a table with a right checksum.
    var sum: UInt8 { reduce(0, &+) }
}

extension ACPITables {
    /// The tables by signature, as a guest finds them: from the RSDP through the XSDT and the FADT.
    func bySignature() throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        func add(tableAt address: UInt64) throws -> [UInt8] {
            try #require(address >= rsdpAddress && address.isMultiple(of: 16))
            let offset = try #require(Int(exactly: address - rsdpAddress))
            try #require(offset + SystemTable.headerSize <= bytes.count)
            let end = offset + Int(bytes.integer(at: offset + 4, as: UInt32.self))
            try #require(end <= bytes.count)
            let table = Array(bytes[offset..<end])
            let previous = found.updateValue(table, forKey: table.text(at: 0, count: 4))
            try #require(previous == nil)
            return table
        }

        let xsdt = try add(tableAt: bytes.integer(at: 24))
        for offset in stride(from: SystemTable.headerSize, to: xsdt.count, by: 8) {
            _ = try add(tableAt: xsdt.integer(at: offset))
        }
        let fadt = try #require(found["FACP"])
        _ = try add(tableAt: fadt.integer(at: 140))
        return found
    }
}
