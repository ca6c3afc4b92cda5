import Testing

/// What `-v` tells on stderr.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct VerboseTests {
    @Test func milestonesAndExitsAreTold() throws {
        let result = try Swiftlet.run(payload: "milestones", ["-v"])
        #expect(result.ending == .exited(0))
        #expect(result.output == "marking milestones 1, 2 and 3\n")
        #expect(result.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("swiftlet: ") })

        let told = milestones(in: result.errors)
        #expect(
            told.map(\.name).filter { $0 != "first byte on the console" } == [
                "files checked", "machine ready", "vCPUs started", "guest milestone 1", "guest milestone 2",
                "guest milestone 3", "end",
            ])
        #expect(told.contains { $0.name == "first byte on the console" })
        #expect(told.allSatisfy { 0...(result.seconds * 1000) ~= $0.milliseconds })
        #expect(told.map(\.milliseconds) == told.map(\.milliseconds).sorted())

        // Its text is as many exits as bytes; three milestones and its end are four more.
        #expect(exits("serial port writes", in: result.errors) == result.stdout.count)
        #expect(exits("power, reset and debug ports", in: result.errors) == 4)
    }

    @Test(arguments: [("triple-fault", "0f 0b "), ("badinsn", "not in memory")])
    func aFaultShowsRegistersAndCode(payload: String, code: String) throws {
        let result = try Swiftlet.run(payload: payload, ["-v"])
        #expect(result.ending == .exited(255))
        for register in ["rip", "rflags", "rsp", "r15", "cr0", "cr2", "cr3", "cr4", "efer", "idt"] {
            #expect(result.errors.contains("\(register)=00"), "\(register) in \(result.errors)")
        }
        #expect(result.errors.contains("code at rip: \(code)"), "\(result.errors)")
    }

    private func milestones(in errors: String) -> [(milliseconds: Double, name: String)] {
        errors.split(separator: "\n").compactMap { line in
            let parts = line.dropFirst("swiftlet: ".count).split(separator: " ", maxSplits: 1)
            guard let time = parts.first.flatMap({ Double($0) }), parts[1].hasPrefix("ms  ") else { return nil }
            return (time, String(parts[1].dropFirst(4)))
        }
    }

    private func exits(_ kind: String, in errors: String) -> Int? {
        let line = errors.split(separator: "\n").first { $0.hasSuffix("  \(kind)") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }
}
