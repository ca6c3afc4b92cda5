import Testing

@testable import Control

/// Text in both directions: JSON before it is parsed, and a console's output.
struct TextTests {
    @Test(arguments: [
        #"{"a":[1,"\"[[[{{{"]}"#, "[\t1\r]", "\"é\u{1F600}\"",
        String(repeating: "[", count: 64) + String(repeating: "]", count: 64),
        String(repeating: "[]", count: 1000),
    ])
    func jsonThatMayBeParsed(text: String) {
        #expect(JSONText.problem(in: Array(text.utf8)) == nil)
    }

    @Test(
        arguments: [
            ([0x22, 0xFF, 0x22], "UTF-8"), ([0x22, 0xC3], "UTF-8"), ([0xED, 0xA0, 0x80], "UTF-8"),
            ([0x7B, 0x00, 0x7D], "control character"), ([0x22, 0x1B, 0x22], "control character"),
            ([UInt8](repeating: 0x5B, count: 65), "within each other"),
            (Array(String(repeating: #"{"a":"#, count: 65).utf8), "within each other"),
            (Array((#""\\""# + String(repeating: "[", count: 65)).utf8), "within each other"),
        ] as [([UInt8], String)])
    func jsonThatMayNot(bytes: [UInt8], problem: String) {
        #expect(JSONText.problem(in: bytes)?.contains(problem) == true)
    }

    @Test(arguments: 1...6)
    func charactersAreNotCut(chunk: Int) {
        let text = "aé€\u{1F600}z\u{10FFFF}"
        let bytes = Array(text.utf8)
        var cutter = TextCutter()
        var told = ""
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            switch cutter.take(bytes[start..<min(start + chunk, bytes.count)]) {
            case .text(let text): told += text
            case .bytes(let bytes): Issue.record("\(bytes) are no text")
            case nil: break
            }
        }
        #expect(told == text)
        #expect(cutter.rest() == nil)
    }

    @Test(
        arguments: [
            [0xFF], [0x80], [0x61, 0xC0], [0xF5, 0x80, 0x80], [0xC3, 0x28], [0xED, 0xA0, 0x80],
            [0x80, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func bytesThatAreNoTextAreToldAtOnce(bytes: [UInt8]) {
        var cutter = TextCutter()
        #expect(cutter.take(bytes) == .bytes(bytes))
        #expect(cutter.rest() == nil)
    }

    @Test(arguments: [[0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98]] as [[UInt8]])
    func aCharacterThatNeverEndsIsToldInTheEnd(bytes: [UInt8]) {
        var cutter = TextCutter()
        #expect(cutter.take([0x61] + bytes) == .text("a"))
        #expect(cutter.rest() == .bytes(bytes))
    }
}
