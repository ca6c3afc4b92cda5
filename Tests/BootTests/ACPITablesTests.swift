import Testing

@testable import Boot

@Suite struct ACPITablesTests {
    private static let base: UInt64 = 0xE_0000

    @Test(arguments: [.sample(), .sampleWithPCI(cpus: 255, virtioDevices: 32)] as [ACPIConfiguration])
    func everyTableHasItsLengthAndChecksum(configuration: ACPIConfiguration) throws {
        let tables = try ACPITables.build(configuration, base: Self.base, room: 16384)
        let found = try tables.bySignature()
        let withoutPCI: Set = ["XSDT", "FACP", "APIC", "DSDT"]
        #expect(Set(found.keys) == withoutPCI.union(configuration.pciSegment == nil ? [] : ["MCFG"]))
        for (signature, table) in found {
            #expect(table.sum == 0, "\(signature)")
            #expect(table.text(at: 10, count: 14) == "SWIFTLSWIFTLET", "\(signature)")
        }
    }

    @Test func theRSDPIsWhereALegacyScanLooks() throws {
        let tables = try ACPITables.build(.sample(), base: Self.base, room: 16384)
        #expect(tables.rsdpAddress == Self.base)
        let rsdp = Array(tables.bytes.prefix(36))
        #expect(rsdp.text(at: 0, count: 8) == "RSD PTR ")
        #expect(rsdp.text(at: 9, count: 6) == "SWIFTL")
        #expect(rsdp[15] == 2)
        #expect(rsdp.integer(at: 20, as: UInt32.self) == 36)
        #expect(Array(rsdp.prefix(20)).sum == 0)
        #expect(rsdp.sum == 0)
    }

    @Test func addressesAbove4GiBAreKept() throws {
        let tables = try ACPITables.build(.sample(), base: 0x1_0000_0000, room: 16384)
        #expect(try tables.bySignature().count == 4)
    }

    @Test func theFADTDescribesReducedHardware() throws {
        let fadt = try #require(try ACPITables.build(.sample(), base: Self.base, room: 16384).bySignature()["FACP"])
        #expect(fadt.count == 276)
        #expect(fadt[8] == 6)
        #expect(fadt[36..<44].allSatisfy { $0 == 0 })  // FIRMWARE_CTRL, DSDT
        #expect(fadt[46..<109].allSatisfy { $0 == 0 })  // register blocks
        #expect(fadt.integer(at: 109, as: UInt16.self) == 0b11_0100)  // no VGA, no ASPM, no CMOS clock
        #expect(fadt.integer(at: 112, as: UInt32.self) == 1 << 20 | 1 << 10 | 1 << 6 | 1 << 5 | 1 << 4 | 1)
        #expect(Array(fadt[116..<129]) == [1, 8, 0, 1, 0x02, 0x06, 0, 0, 0, 0, 0, 0, 0x42])  // reset
        #expect(fadt[131] == 5)
        #expect(fadt[132..<140].allSatisfy { $0 == 0 })  // X_FIRMWARE_CTRL
        #expect(fadt[148..<244].allSatisfy { $0 == 0 })  // extended register blocks
        #expect(Array(fadt[244..<256]) == [1, 8, 0, 1, 0x00, 0x06, 0, 0, 0, 0, 0, 0])  // sleep control
        #expect(Array(fadt[256..<268]) == [1, 8, 0, 1, 0x01, 0x06, 0, 0, 0, 0, 0, 0])  // sleep status
        #expect(fadt.text(at: 268, count: 8) == "SWIFTLET")
    }

    @Test(arguments: [1, 4, 255])
    func theMADTListsEveryLocalAPIC(cpus: Int) throws {
        let tables = try ACPITables.build(.sample(cpus: cpus), base: Self.base, room: 16384)
        let madt = try #require(try tables.bySignature()["APIC"])
        #expect(madt.integer(at: 36, as: UInt64.self) == 0xFEE0_0000)  // and no flags
        for cpu in 0..<cpus {
            #expect(Array(madt[(44 + 8 * cpu)...].prefix(8)) == [0, 8, UInt8(cpu), UInt8(cpu), 1, 0, 0, 0])
        }
        #expect(Array(madt[(44 + 8 * cpus)...]) == [1, 12, 9, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0])
    }

    @Test func theMCFGNamesTheConfigurationSpace() throws {
        let mcfg = try #require(try ACPITables.build(.sampleWithPCI(), base: 0, room: 16384).bySignature()["MCFG"])
        #expect(mcfg.count == 60)
        #expect(Array(mcfg[36...]) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xE0, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0, 0, 0])
    }

    @Test func theResetVectorWritesTheResetRegister() {
        let power = ACPIConfiguration.sample().power
        #expect(power.resetVectorCode == [0xBA, 0x02, 0x06, 0xB0, 0x42, 0xEE, 0xF4, 0xEB, 0xFD])
        #expect(ACPIConfiguration.PowerControl.resetVectorAddress == 0xF000 << 4 + 0xFFF0)
    }

    @Test func roomIsCheckedToTheByte() throws {
        let needed = try ACPITables.build(.sample(), base: Self.base, room: 16384).bytes.count
        #expect(try ACPITables.build(.sample(), base: Self.base, room: needed).bytes.count == needed)
        #expect(throws: ACPIError.doNotFit(needed: needed, room: needed - 1)) {
            try ACPITables.build(.sample(), base: Self.base, room: needed - 1)
        }
        #expect(throws: ACPIError.doNotFit(needed: needed, room: -1)) {
            try ACPITables.build(.sample(), base: Self.base, room: -1)
        }
    }

    @Test(arguments: [0xE_0008, .max & ~0xF, .max - 0x3FF & ~0xF] as [UInt64])
    func unusableBasesAreRefused(base: UInt64) {
        #expect(throws: ACPIError.unusableBase(base)) { try ACPITables.build(.sample(), base: base, room: 16384) }
    }

    /// A change that makes the sample unusable, and the field that the error names.
    struct Spoiler: Sendable, CustomTestStringConvertible {
        var field: String
        var value: UInt64
        var change: @Sendable (inout ACPIConfiguration) -> Void

        init(_ field: String, _ value: UInt64, _ change: @escaping @Sendable (inout ACPIConfiguration) -> Void) {
            self.field = field
            self.value = value
            self.change = change
        }

        var testDescription: String { "\(field) \(value)" }
    }

    @Test(arguments: [
        Spoiler("cpuCount", 0) { $0.cpuCount = 0 },
        Spoiler("cpuCount", 0) { $0.cpuCount = -1 },
        Spoiler("cpuCount", 256) { $0.cpuCount = 256 },
        Spoiler("power.s5SleepType", 8) { $0.power.s5SleepType = 8 },
        Spoiler("power.sleepControlPort", 0) { $0.power.sleepControlPort = 0 },
        Spoiler("power.sleepStatusPort", 0) { $0.power.sleepStatusPort = 0 },
        Spoiler("power.resetPort", 0) { $0.power.resetPort = 0 },
        Spoiler("serialPorts.count", 5) { $0.serialPorts = Array(repeating: $0.serialPorts[0], count: 5) },
        Spoiler("serialPorts.ioPort", 0xFFF9) { $0.serialPorts[1].ioPort = 0xFFF9 },
        Spoiler("serialPorts.gsi", 4) { $0.serialPorts[1].gsi = 4 },
        Spoiler("powerButtonGSI", 2) { $0.powerButtonGSI = 2 },
        Spoiler("powerButtonGSI", 4) { $0.powerButtonGSI = 4 },
        Spoiler("vmGenerationID.gsi", 5) { $0.vmGenerationID?.gsi = 5 },
        Spoiler("vmGenerationID.guidAddress", 0x1004) { $0.vmGenerationID?.guidAddress = 0x1004 },
        Spoiler("vmGenerationID.guidAddress", .max - 7) { $0.vmGenerationID?.guidAddress = .max - 7 },
        Spoiler("virtioDevices.count", 300) { $0 = .sample(virtioDevices: 300) },
        Spoiler("virtioDevices.size", 0xFF) { $0.virtioDevices[0].size = 0xFF },
        Spoiler("virtioDevices.base", 0xFFFF_F001) { $0.virtioDevices[0].base = 0xFFFF_F001 },
        Spoiler("virtioDevices.gsi", 0) { $0.virtioDevices[1].gsi = 0 },
        Spoiler("virtioDevices.gsi", 6) { $0.virtioDevices[1].gsi = 6 },
        Spoiler("pciSegment.ecamBase", 0xE008_0000) { $0.pciSegment?.ecamBase = 0xE008_0000 },
        Spoiler("pciSegment.ecamBase", .max << 20) { $0.pciSegment?.ecamBase = .max << 20 },
        Spoiler("pciSegment.memory32", 0xFFFF_FFFF) { $0.pciSegment?.memory32 = 0...0xFFFF_FFFF },
        Spoiler("pciSegment.memory64", .max) { $0.pciSegment?.memory64 = 0...(.max) },
        Spoiler("pciSegment.ioPorts", 0xFFFF) { $0.pciSegment?.ioPorts = 0...0xFFFF },
    ])
    func unusableValuesAreNamed(spoiler: Spoiler) {
        var configuration = ACPIConfiguration.sampleWithPCI()
        spoiler.change(&configuration)
        let error = #expect(throws: ACPIError.self) {
            try ACPITables.build(configuration, base: Self.base, room: 16384)
        }
        guard case .unusableValue(spoiler.field, spoiler.value, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
