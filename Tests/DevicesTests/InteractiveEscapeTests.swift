import Testing

@testable import Devices

@Suite struct InteractiveEscapeTests {
    @Test(arguments: [
        ("ls\r", "ls\r", false),
        ("\u{1d}q", "", true),
        ("ab\u{1d}Qcd", "ab", true),
        ("\u{1d}\u{1d}", "\u{1d}", false),
        ("\u{1d}\u{1d}q", "\u{1d}q", false),
        ("\u{1d}x\u{1d}", "\u{1d}x", false),
        ("\u{1d}\u{1d}\u{1d}q", "\u{1d}", true),
        ("q\u{1d}", "q", false),
    ])
    func leavesOnlyAfterThePrefix(typed: String, passed: String, leaves: Bool) {
        var escape = InteractiveEscape()
        var input: [UInt8] = []
        var left = false
        for byte in typed.utf8 where !left { left = escape.filter(byte, into: &input) }
        #expect(left == leaves)
        #expect(input == Array(passed.utf8))
    }
}
