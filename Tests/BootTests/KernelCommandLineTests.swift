import Boot
import Testing

@Suite struct KernelCommandLineTests {
    @Test(
        arguments: [
            ([], ""), (["a"], "a"), (["a", "b c"], "a b c"), ([" a ", "", "  ", "b  c "], "a b  c"),
            (["x=\"a b\"", "é"], "x=\"a b\" é"),
        ] as [([String], String)])
    func partsAreJoinedWithOneSpace(parts: [String], expected: String) throws {
        #expect(try KernelCommandLine(parts, limit: 100).text == expected)
    }

    @Test func theLimitCountsBytes() throws {
        #expect(try KernelCommandLine(["éé", "a"], limit: 6).text == "éé a")
        let error = #expect(throws: KernelCommandLineError.tooLong(6, limit: 5)) {
            try KernelCommandLine(["éé", "a"], limit: 5)
        }
        #expect(error?.description.contains("6 bytes") == true)
        #expect(error?.description.contains("no more than 5") == true)
        // Both for who gives options and for who gives a configuration.
        for remedy in ["'--append'", "'commandLine'", "'append'"] {
            #expect(error?.description.contains(remedy) == true)
        }
    }

    @Test(arguments: ["a\0b", "a\nb", "a\r\nb", "\n"])
    func whatWouldEndItEarlyIsRefused(part: String) {
        #expect(throws: KernelCommandLineError.self) { try KernelCommandLine(["ok", part], limit: 100) }
    }
}
