import TemporaryFiles
import Testing

/// Bare-metal guests that check one thing each and end by themselves.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct PayloadTests {
    /// A payload and all that is seen of it.
    struct Case: CustomTestStringConvertible {
        let payload: String
        var options: [String] = []
        var status: CInt = 0
        let stdout: String
        var stderr = ""

        var testDescription: String { ([payload] + options).joined(separator: " ") }
    }

    @Test(arguments: [
        Case(payload: "hello", stdout: "hello from a bare-metal guest\n"),
        Case(payload: "hello", options: ["--memory", "16M"], stdout: "hello from a bare-metal guest\n"),
        Case(payload: "hello", options: ["--boot-protocol", "pvh"], stdout: "hello from a bare-metal guest\n"),
        Case(payload: "first-byte", stdout: "!"),
        Case(
            payload: "portio",
            stdout: "port I/O of each width\na whole line by one rep outsb\nport I/O is right\n"),
        Case(
            payload: "mmio",
            stdout: "accesses to unmapped memory\naddress 0xd0000000\naddress 0x200000000\nunmapped memory is right\n"),
        Case(payload: "milestones", stdout: "marking milestones 1, 2 and 3\n"),
        Case(payload: "poweroff", stdout: "powering off through ACPI\n"),
        Case(payload: "reset-acpi", stdout: "resetting through ACPI\n"),
        Case(payload: "reset-keyboard", stdout: "resetting through the keyboard controller\n"),
        Case(
            payload: "console-panic", status: 255, stdout: "[    0.000000] Kernel panic - not syncing: test\n",
            stderr: "swiftlet: the guest's kernel panicked: test\n"),
        Case(
            payload: "triple-fault", status: 255, stdout: "raising a triple fault\n",
            stderr: "swiftlet: vCPU 0 shut down after a triple fault\n"),
        Case(
            payload: "badinsn", status: 255, stdout: "jumping to unmapped memory\n",
            stderr: "swiftlet: vCPU 0 reached an instruction that KVM cannot execute\n"),
    ])
    func endsAsItShould(_ expected: Case) throws {
        let result = try Swiftlet.run(payload: expected.payload, expected.options)
        #expect(result.output == expected.stdout)
        #expect(result.errors == expected.stderr)
        #expect(result.ending == .exited(expected.status))
    }

    /// The first 640 KiB less the BIOS's own, and what is above 1 MiB; the rest beyond 4 GiB.
    @Test(
        arguments: [
            ("16M", [], ["0x100000 to 0x1000000"], 16), ("512M", [], ["0x100000 to 0x20000000"], 512),
            ("512M", ["--huge-pages", "never"], ["0x100000 to 0x20000000"], 512),
            ("5G", [], ["0x100000 to 0xc0000000", "0x100000000 to 0x180000000"], 5120),
            ("5G", ["--huge-pages", "never"], ["0x100000 to 0xc0000000", "0x100000000 to 0x180000000"], 5120),
        ] as [(String, [String], [String], Int)])
    func memoryIsThere(size: String, options: [String], regions: [String], mebibytes: Int) throws {
        let result = try Swiftlet.run(payload: "memory", ["--memory", size] + options)
        var lines = ["memory map and memory", "memory from 0x0 to 0x9fc00 is right"]
        lines += regions.map { "memory from \($0) is right" }
        lines.append("memory: \(mebibytes << 10 - (1024 - 639)) KiB")
        #expect(result.output == lines.map { $0 + "\n" }.joined())
        #expect(result.errors == "")
        #expect(result.ending == .exited(0))
    }

    @Test func interruptsArrive() throws {
        let result = try Swiftlet.run(payload: "interrupts")
        // The local APIC's timer expires once more where it has a deadline mode.
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 6 && lines.last == "")
        #expect(lines.prefix(3) == ["interrupts", ".", "serial interrupts: 2"])
        #expect(["timer interrupts: 2", "timer interrupts: 3"].contains(lines.dropFirst(3).first))
        #expect(lines.dropFirst(4).first == "self interrupts: 1")
        #expect(result.errors == "")
        #expect(result.ending == .exited(0))
    }

    @Test(arguments: [1, 2, 4, 32])
    func processorsStart(count: Int) throws {
        let result = try Swiftlet.run(payload: "smp", ["--cpus", "\(count)"])
        let others = (1..<count).map { "local APIC id: \($0)\n" }.joined()
        #expect(result.output == "starting all processors\n\(others)cpus: \(count)\n")
        #expect(result.errors == "")
        #expect(result.ending == .exited(0))
    }

    @Test func startInfoTellsTheCommandLineAndTheInitrd() throws {
        let contents = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let initrd = try TemporaryFile(contents)
        let result = try Swiftlet.run(
            payload: "start-info",
            ["--append", "first=1  quiet ", "--append=--", "--append", "last", "--initrd", initrd.path])
        let lines = result.output.split(separator: "\n")
        let commandLine = try #require(lines.first)
        #expect(commandLine.hasPrefix("command line: console=ttyS0 "))
        #expect(commandLine.hasSuffix(" first=1  quiet  -- last"), "\(commandLine)")
        let modules = lines.filter { $0.hasPrefix("module: ") }
        #expect(modules.count == 1)
        let sum = contents.prefix(4096).reduce(0) { $0 + Int($1) }
        #expect(modules.first?.hasSuffix(", bytes 10000, sum of the first 4096 at most \(sum)") == true, "\(modules)")
        #expect(lines.contains { $0.hasSuffix(", type 1") })
        #expect(result.errors == "")
        #expect(result.ending == .exited(0))
    }
}
