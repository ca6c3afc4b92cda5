import Glibc
import Testing

@testable import Boot

/// The tables in the eyes of ACPICA, the implementation that Linux carries.
@Suite(.enabled(if: ACPICA.isInstalled, "iasl and acpiexec are missing: install the package acpica-tools"))
struct ACPICompilerTests {
    private static let base: UInt64 = 0xE_0000

    /// Disassembles each table and compiles the text again: there must be nothing to complain about, and the result must
    /// be the same but for the compiler's own name and version, and the checksum over them.
    @Test(arguments: [1, 4, 32], [0, 1, 32])
    func everyTableCompilesToItself(cpus: Int, virtioDevices: Int) throws {
        var everySlot = ACPIConfiguration.sampleWithPCI(cpus: cpus, virtioDevices: virtioDevices)
        everySlot.pciSegment?.slots?.devices = Array(1...31)
        for configuration in [
            ACPIConfiguration.sample(cpus: cpus, virtioDevices: virtioDevices),
            .sampleWithPCI(cpus: cpus, virtioDevices: virtioDevices), everySlot,
        ] {
            let tables = try ACPITables.build(configuration, base: Self.base, room: 16384).bySignature()
            // iasl reads all but the XSDT, which it takes for a file of a running system.
            for (signature, table) in tables where signature != "XSDT" {
                let acpica = try ACPICA(table: table)
                let complaints = try acpica.disassemble().filter(ACPICA.isComplaint)
                #expect(complaints.isEmpty, "\(signature)")

                let messages = try acpica.compile()
                let summary = messages.last { $0.hasPrefix("Compilation successful") }
                #expect(
                    summary?.hasPrefix("Compilation successful. 0 Errors, 0 Warnings, 0 Remarks") == true,
                    "\(signature): \(messages)")
                let compiled = try acpica.compiledTable()
                #expect(Self.withoutCompiler(compiled) == Self.withoutCompiler(table), "\(signature)")
            }
        }
    }

    @Test(arguments: [0, 1, 32])
    func theDisassemblyListsEveryDevice(virtioDevices: Int) throws {
        let configuration = ACPIConfiguration.sample(virtioDevices: virtioDevices)
        let tables = try ACPITables.build(configuration, base: Self.base, room: 16384).bySignature()
        let acpica = try ACPICA(table: #require(tables["DSDT"]))
        _ = try acpica.disassemble()
        let source = try acpica.source()

        func count(_ pattern: Regex<Substring>) -> Int { source.matches(of: pattern).count }
        #expect(count(/Name \(_HID, EisaId \("PNP0501"\)/) == 2)
        #expect(count(/Name \(_HID, EisaId \("PNP0C0C"\)/) == 1)
        #expect(count(/Name \(_HID, "ACPI0013"/) == 1)
        #expect(count(/Name \(_HID, "SWFT0001"/) == 1)
        #expect(count(/Name \(_CID, "VM_Gen_Counter"\)/) == 1)
        #expect(count(/Name \(_HID, "QEMU0001"/) == 1)
        #expect(count(/Name \(_HID, "LNRO0005"\)/) == virtioDevices)
        #expect(count(/Device \(/) == 6 + virtioDevices)
        for device in configuration.virtioDevices {
            #expect(source.contains("0x\(String(device.base, radix: 16, uppercase: true)),"))
        }
        // 32 devices on 17 pins: two share each of the first 15.
        #expect(count(/Interrupt \(ResourceConsumer, Edge, ActiveHigh, Shared,/) == (virtioDevices == 32 ? 30 : 0))
        #expect(source.contains("Name (_S5, Package (0x04)"))
    }

    @Test func theDisassemblyDescribesThePCISegment() throws {
        let tables = try ACPITables.build(.sampleWithPCI(), base: Self.base, room: 16384).bySignature()
        let acpica = try ACPICA(table: #require(tables["DSDT"]))
        _ = try acpica.disassemble()
        let source = try acpica.source().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for text in [
            #"Name (_HID, EisaId ("PNP0A08")"#, #"Name (_CID, EisaId ("PNP0A03")"#, #"Name (_HID, EisaId ("PNP0C02")"#,
            "WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0x0000, // Granularity 0x0000, // Range "
                + "Minimum 0x000F,",
            "DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0x00000000, // "
                + "Granularity 0xC0000000, // Range Minimum 0xCFFFFFFF,",
            "QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, "
                + "0x0000000000000000, // Granularity 0x0000004000000000, // Range Minimum 0x0000007FFFFFFFFF,",
            "WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0x0000, // Granularity 0x1000, // "
                + "Range Minimum 0xFFFF,",
            "QWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, "
                + "0x0000000000000000, // Granularity 0x00000000E0000000, // Range Minimum 0x00000000E0FFFFFF,",
        ] {
            #expect(source.contains(text))
        }
    }

    /// Loads the DSDT into ACPICA's interpreter, and does what Linux does for an interrupt of the event device.
    @Test func eventsNotifyTheirDevices() throws {
        let tables = try ACPITables.build(.sampleWithPCI(), base: Self.base, room: 16384).bySignature()
        let acpica = try ACPICA(table: #require(tables["DSDT"]))
        let names = [#"\_SB.GED._EVT 5"#, #"\_SB.GED._EVT 6"#, #"\_SB.GED._EVT 7"#, #"\_SB.VGEN.ADDR"#]
        let output = try acpica.execute(names.map { "evaluate \($0)" }).joined(separator: "\n")
        let results = output.split(separator: "Evaluating ").dropFirst().map(String.init)
        try #require(results.count == names.count)
        #expect(results[0].contains("Received a Device Notify on [PWRB]") && results[0].contains("Value 0x80"))
        #expect(results[1].contains("Received a Device Notify on [VGEN]") && results[1].contains("Value 0x80"))
        #expect(!results[2].contains("Notify"))
        #expect(results[3].contains("[Integer] = 0000000023456780"))
        #expect(results[3].contains("[Integer] = 0000000000000001"))
    }

    @Test func theDisassemblyDescribesTheSlots() throws {
        let tables = try ACPITables.build(.sampleWithPCI(), base: Self.base, room: 16384).bySignature()
        let acpica = try ACPICA(table: #require(tables["DSDT"]))
        _ = try acpica.disassemble()
        let source = try acpica.source().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(source.matches(of: /Device \(SL/).count == 3)
        for text in [
            "OperationRegion (SREG, SystemIO, 0x0610, 0x0C)",
            "Field (SREG, DWordAcc, NoLock, WriteAsZeros) { SINS, 32, SREM, 32, SEJT, 32 }",
            "Device (SL1F) { Name (_ADR, 0x001F0000) // _ADR: Address Name (_SUN, 0x1F) // _SUN: Slot User Number "
                + "Method (_EJ0, 1, NotSerialized) // _EJx: Eject Device, x=0-9 { SEJT = 0x80000000 } }",
            "If ((Arg0 & 0x80000000)) { Notify (SL1F, Arg1) }",
            "Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive, ,, ) { 0x00000018, }",
        ] {
            #expect(source.contains(text), "\(text)")
        }
    }

    /// ACPICA's interpreter has memory in the place of ports, whose bits here are set for the devices 1 and 31, but not 2.
    @Test func slotsAreNotifiedAndLetGo() throws {
        let tables = try ACPITables.build(.sampleWithPCI(), base: Self.base, room: 16384).bySignature()
        let acpica = try ACPICA(table: #require(tables["DSDT"]))
        let names = [#"\_SB.GED._EVT 24"#, #"\_SB.PCI0.SL1F._EJ0 1"#, #"\_SB.PCI0.SEJT"#]
        let output = try acpica.execute(names.map { "evaluate \($0)" }, fill: 0x82).joined(separator: "\n")
        let notifications = output.matches(of: /System Notify on \[(\w+)\].*Value (0x\w+)/)
        // Each is told on a thread of its own.
        #expect(
            notifications.map { "\($0.1) \($0.2)" }.sorted() == ["SL01 0x01", "SL01 0x03", "SL1F 0x01", "SL1F 0x03"],
            "\(output)")
        #expect(output.contains("[Integer] = 0000000080000000"), "\(output)")
    }

    private static func withoutCompiler(_ table: [UInt8]) -> [UInt8] {
        var table = table
        table.replaceSubrange(28..<36, with: repeatElement(0, count: 8))
        table[9] = 0
        return table
    }
}

/// ACPICA's tools on one table, in a folder of their own.
final class ACPICA {
    static var isInstalled: Bool {
        access("/usr/bin/iasl", X_OK) == 0 && access("/usr/bin/acpiexec", X_OK) == 0
    }

    static func isComplaint(_ message: String) -> Bool {
        ["error", "warning", "remark", "invalid", "unknown", "failure"].contains { message.lowercased().contains($0) }
    }

    private let folder: String

    init(table: [UInt8]) throws {
        var template = Array("/tmp/swiftlet-acpi-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let file = try #require(fopen("\(folder)/table.dat", "w"))
        defer { fclose(file) }
        try #require(fwrite(table, 1, table.count, file) == table.count)
    }

    deinit {
        _ = try? run("rm table.* compiled.*")
        rmdir(folder)
    }

    func disassemble() throws -> [String] {
        try run("iasl -d table.dat")
    }

    /// Compiles the disassembled text, without the optimisations that would change it.
    func compile() throws -> [String] {
        try run("iasl -oa -p compiled table.dsl")
    }

    /// Runs commands of ACPICA's debugger on the loaded table.
    ///
    /// - Parameter fill: the value of each byte of a region.
    func execute(_ commands: [String], fill: UInt8 = 0) throws -> [String] {
        try run("acpiexec -fv \(fill) -b '\(commands.joined(separator: ";"))' table.dat </dev/null")
    }

    func source() throws -> String {
        String(decoding: try read("table.dsl"), as: UTF8.self)
    }

    func compiledTable() throws -> [UInt8] {
        try read("compiled.aml")
    }

    /// The command's output and messages, in lines.
    private func run(_ command: String) throws -> [String] {
        let stream = try #require(popen("cd \(folder) && PATH=/usr/bin:/bin \(command) 2>&1", "r"))
        let output = Self.readAll(stream)
        pclose(stream)
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func read(_ name: String) throws -> [UInt8] {
        let file = try #require(fopen("\(folder)/\(name)", "r"))
        defer { fclose(file) }
        return Self.readAll(file)
    }

    private static func readAll(_ stream: UnsafeMutablePointer<FILE>) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 { bytes += chunk.prefix(count) }
        return bytes
    }
}
