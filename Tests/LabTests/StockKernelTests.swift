import Foundation
import Testing

/// Unmodified Debian kernels boot in each way and see the machine that was asked for.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct StockKernelTests {
    /// Each way to boot each kernel.
    static let ways: [GuestBatch.Boot] = [
        GuestBatch.Boot(name: "6.1 bzImage", job: "report"),
        GuestBatch.Boot(name: "6.1 bzImage, PVH", job: "report", options: ["--boot-protocol", "pvh"]),
        GuestBatch.Boot(name: "6.1 bzImage, unmodified", job: "report", options: ["--boot-protocol", "linux64"]),
        GuestBatch.Boot(name: "6.1 ELF", image: "vmlinux", job: "report"),
        GuestBatch.Boot(name: "6.1 ELF, PVH", image: "vmlinux", job: "report", options: ["--boot-protocol", "pvh"]),
        GuestBatch.Boot(
            name: "6.1 ELF, 64-bit entry", image: "vmlinux", job: "report", options: ["--boot-protocol", "linux64"]),
        GuestBatch.Boot(name: "6.12 bzImage", kernel: .newer, job: "report"),
        GuestBatch.Boot(
            name: "6.12 bzImage, unmodified", kernel: .newer, job: "report", options: ["--boot-protocol", "linux64"]),
        GuestBatch.Boot(
            name: "6.12 bzImage, PVH, 2 CPUs", kernel: .newer, job: "report",
            options: ["--boot-protocol", "pvh", "--cpus", "2"]),
    ]
    static let cpuCounts = [1, 2, 4]
    static let memorySizes: [(name: String, mebibytes: Int)] = [("128M", 128), ("1G", 1024), ("5G", 5120)]
    static let rowLength = LabHost.isFull ? 20 : 6

    static let batch = Result { try GuestBatch(allBoots) }

    private static var allBoots: [GuestBatch.Boot] {
        var boots = ways
        boots += cpuCounts.map { .init(name: "\($0) CPUs", job: "report", options: ["--cpus", "\($0)"]) }
        boots += memorySizes.map { .init(name: $0.name, job: "report", options: ["--memory", $0.name]) }
        boots.append(.init(name: "high memory", job: "high-memory", options: ["--memory", "5G"]))
        boots.append(.init(name: "exits", job: "poweroff", options: ["-v", "--memory", "256M"]))
        boots.append(.init(name: "log", job: "log", options: ["--cpus", "2"]))
        boots += (1...rowLength).map { .init(name: "row \($0)", job: "poweroff") }
        return boots
    }

    private func result(_ name: String) throws -> GuestBatch.Result { try Self.batch.get().result(name) }

    /// What `Guests/init.sh` reported, by section.
    private func report(_ name: String) throws -> [String: [Substring]] {
        let result = try result(name)
        #expect(result.status == 0, result.comment)
        #expect(result.errors == "", result.comment)
        let report = result.sections
        try #require(report["end"] != nil, result.comment)
        return report
    }

    @Test(arguments: ways)
    func kernelBoots(_ boot: GuestBatch.Boot) throws {
        let report = try report(boot.name)
        #expect(report["release"]?.first?.hasPrefix("\(boot.kernel.rawValue).") == true)
        #expect(report["cmdline"]?.first?.hasPrefix("console=ttyS0 ") == true)
        #expect(report["cmdline"]?.first?.hasSuffix(" job=report") == true)
        #expect(report["clocksource"] == ["kvm-clock"])
        #expect(report["clockevents"] == ["lapic-deadline"])
    }

    @Test(arguments: cpuCounts)
    func guestHasItsCPUs(count: Int) throws {
        let report = try report("\(count) CPUs")
        #expect(report["nproc"] == ["\(count)"])
        #expect(report["online"] == [count == 1 ? "0" : "0-\(count - 1)"])
        let values = { (key: String) in
            report["cpuinfo", default: []].filter { $0.hasPrefix("\(key)\t") }
                .map { $0.split(separator: " ").last.flatMap { Int($0) } }
        }
        #expect(values("processor") == Array(0..<count))
        #expect(values("apicid") == Array(0..<count))
        #expect(values("initial apicid") == Array(0..<count))
    }

    @Test(arguments: memorySizes)
    func guestHasItsMemory(name: String, mebibytes: Int) throws {
        let report = try report(name)
        let total = try #require(report["meminfo"]?.first { $0.hasPrefix("MemTotal:") })
        let kibibytes = try #require(Int(total.filter(\.isNumber)))
        // The kernel keeps its own image and a 64th of all for its books.
        #expect((mebibytes - mebibytes / 32 - 56) << 10...mebibytes << 10 ~= kibibytes, "\(total)")

        let ranges = report["iomem", default: []].filter { $0.hasSuffix(" : System RAM") && !$0.hasPrefix(" ") }
        let bytes = ranges.reduce(0) { sum, range in
            let ends = range.prefix { $0 != " " }.split(separator: "-").compactMap { Int($0, radix: 16) }
            return sum + ends[1] - ends[0] + 1
        }
        // The legacy area below 1 MiB is missing.
        #expect(((mebibytes - 1) << 20)...(mebibytes << 20) ~= bytes, "\(ranges)")
        #expect(ranges.contains { $0.hasPrefix("100000000-17fffffff ") } == (mebibytes > 4096), "\(ranges)")
    }

    @Test func memoryAboveFourGibibytesIsUsed() throws {
        let result = try result("high memory")
        #expect(result.status == 0, result.comment)
        #expect(result.output.contains("guest: the file is right"), result.comment)
        let line = try #require(
            result.output.split(whereSeparator: \.isNewline).first { $0.hasSuffix(" pages above 4 GiB were used") },
            result.comment)
        let pages = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        #expect(pages >= 96 << 8, "\(line)")
    }

    @Test func aRowOfBootsHasNoFailure() throws {
        for number in 1...Self.rowLength {
            let result = try result("row \(number)")
            #expect(result.status == 0 && result.errors == "" && result.output.contains("guest: up"), result.comment)
        }
    }

    /// Far fewer than the 554 of the best of others, for the same boot.
    @Test func aQuietBootLeavesTheGuestRarely() throws {
        let result = try result("exits")
        #expect(result.status == 0, result.comment)
        let line = try #require(
            result.errors.split(separator: "\n").first { $0.hasSuffix(" of them for ports:") }, result.comment)
        let ports = try #require(line.split(separator: " ").dropLast(4).last.flatMap { Int($0) }, "\(line)")
        #expect(ports < 500, "\(result.errors)")
    }

    @Test(arguments: [
        "Hypervisor detected: KVM", "kvm-clock: Using msrs", "clocksource: Switched to clocksource kvm-clock",
        "ACPI: Reserving FACP table memory", "ACPI: Reserving APIC table memory",
        "ACPI: Using ACPI (MADT) for SMP configuration information", "ACPI: Using IOAPIC for interrupt routing",
        "ACPI: PM: (supports S0 S5)", "TSC deadline timer available", "x2apic enabled",
        "smp: Brought up 1 node, 2 CPUs",
        "00:00: ttyS0 at I/O 0x3f8", "is a 16550A", #"Unknown kernel command line parameters "job=log","#,
    ])
    func kernelLogSays(text: String) throws {
        let lines = try report("log")["dmesg", default: []]
        #expect(lines.contains { $0.contains(text) })
    }

    @Test func kernelLogHasNoUnexpectedWarning() throws {
        // The emulated processor contradicts itself about XSAVE; a machine without PCI has no access to its
        // configuration space.
        let expected = ["fpu__init_system_xstate", "PCI: Fatal: No config space access function found"]
        let signs = [
            "WARNING:", "BUG:", "Oops", "Firmware Bug", "Firmware Warn", "ACPI Error", "ACPI BIOS Error",
            "ACPI Warning",
            "ACPI Exception", "Fatal", "fatal", "unchecked MSR", "lockup", "stall", "nobody cared", "Call Trace",
            "spurious", "timed out", "timeout",
        ]
        let lines = try report("log")["dmesg", default: []]
        #expect(lines.count > 100)
        let warnings = lines.filter { line in
            signs.contains { line.contains($0) } && !expected.contains { line.contains($0) }
        }
        #expect(warnings.count { $0.contains("Call Trace") } <= 1)
        #expect(warnings.filter { !$0.contains("Call Trace") } == [])
    }
}
