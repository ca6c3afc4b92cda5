import ControlMessages
import Testing

@testable import Control

struct LineBufferTests {
    private func lines(_ buffer: inout LineBuffer) -> [LineBuffer.Line] {
        var lines: [LineBuffer.Line] = []
        while let line = buffer.next() { lines.append(line) }
        return lines
    }

    private func text(_ string: String) -> LineBuffer.Line { .text(Array(string.utf8)) }

    @Test(arguments: 1...9)
    func linesAreFoundHoweverTheyCome(chunk: Int) {
        let stream = Array("one\n\ntwo\r\nthree\nrest".utf8)
        var buffer = LineBuffer()
        var found: [LineBuffer.Line] = []
        for start in stride(from: 0, to: stream.count, by: chunk) {
            buffer.append(stream[start..<min(start + chunk, stream.count)])
            found += lines(&buffer)
        }
        #expect(found == [text("one"), text(""), text("two\r"), text("three")])
        #expect(buffer.rest() == text("rest"))
        #expect(buffer.rest() == nil)
    }

    @Test func theLongestLineIsTakenAndALongerOneSkipped() {
        let longest = [UInt8](repeating: 0x61, count: LineBuffer.limit)
        var buffer = LineBuffer()
        buffer.append(longest + [0x0a] + longest + [0x61, 0x0a] + Array("next\n".utf8))
        #expect(lines(&buffer) == [.text(longest), .tooLong, text("next")])
    }

    /// However long a line is, it is told of once, and not kept.
    @Test func aLineWithoutEndTakesNoMemory() {
        let chunk = [UInt8](repeating: 0x61, count: 1 << 16)
        var buffer = LineBuffer()
        for _ in 0..<100 {
            buffer.append(chunk)
            #expect(buffer.next() == nil)
            #expect(buffer.heldCount <= LineBuffer.limit + chunk.count)
        }
        buffer.append(Array("b\nnext\n".utf8))
        #expect(lines(&buffer) == [.tooLong, text("next")])
    }

    @Test func anUnfinishedLineThatIsTooLongIsToldOf() {
        var buffer = LineBuffer()
        buffer.append([UInt8](repeating: 0x61, count: LineBuffer.limit + 1))
        #expect(buffer.next() == nil)
        #expect(buffer.rest() == .tooLong)
    }
}
