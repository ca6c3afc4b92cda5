import ControlMessages
import Testing

@testable import Control

/// A console's output, cut into texts.
struct TextTests {
    @Test func terminalsHaveNothingToObey() {
        let text = "a\u{1B}[2J\u{9B}31m\u{7F}\n\u{E9}"
        #expect(text.replacingControls() == "a?[2J?31m??\u{E9}")
        #expect(text.replacingControls(by: " ", except: "\n") == "a [2J 31m \n\u{E9}")
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
