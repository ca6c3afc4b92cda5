import Testing

@testable import Swiftlet

/// What is kept of a console's output, byte by byte.
struct ConsoleBufferTests {
    private static let limit = ConsoleBuffer.limit

    /// The bytes from a position on in a stream in which each place can be told.
    private func bytes(_ range: Range<Int>) -> [UInt8] {
        range.map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    }

    @Test(arguments: [100, 1000, 65_536])
    func theLatestIsKept(chunk: Int) async {
        let buffer = ConsoleBuffer(isAwaited: false)
        let total = chunk < 1000 ? 2 * Self.limit + 10_000 : 2_000_000
        for start in stride(from: 0, to: total, by: chunk) {
            buffer.append(bytes(start..<start + chunk))
            if buffer.size > 2 * Self.limit { Issue.record("\(buffer.size) bytes are kept") }
        }
        let end = (total + chunk - 1) / chunk * chunk
        #expect(buffer.recent == bytes(end - Self.limit..<end))
        let lost = buffer.lost
        #expect(lost > 0 && lost <= end - Self.limit)
        #expect(await buffer.take(100) == bytes(lost..<lost + 100))
        #expect(!buffer.mustStall())
    }

    @Test func nothingUnreadIsDroppedWhileSomebodyReads() async {
        let buffer = ConsoleBuffer(isAwaited: false)
        buffer.addReader()
        var end = 0
        while !buffer.mustStall() {
            buffer.append(bytes(end..<end + 5000))
            end += 5000
        }
        #expect(end >= Self.limit && end < Self.limit + 5000)
        #expect(!buffer.endStall())
        #expect(await buffer.take(end) == bytes(0..<end))
        #expect(buffer.endStall())
        #expect(!buffer.endStall(), "it is told once")
        // The reader leaves, and the rest can go.
        for _ in 0..<200 {
            buffer.append(bytes(end..<end + 5000))
            end += 5000
        }
        #expect(buffer.mustStall() && buffer.lost == 0)
        buffer.removeReader()
        #expect(buffer.endStall())
        buffer.append(bytes(end..<end + 5000))
        #expect(buffer.lost > 0)
    }

    /// However slow a reader is, the end comes.
    @Test func anEndWaitsForNobodyAndKeepsMore() async {
        let buffer = ConsoleBuffer(isAwaited: true)
        for start in stride(from: 0, to: Self.limit, by: 1 << 12) { buffer.append(bytes(start..<start + 1 << 12)) }
        #expect(buffer.mustStall())
        buffer.beginEnding()
        #expect(buffer.endStall())
        var end = Self.limit
        while end < 2 * ConsoleBuffer.finalLimit {
            buffer.append(bytes(end..<end + 1 << 12))
            end += 1 << 12
            if end == ConsoleBuffer.finalLimit { #expect(buffer.lost == 0) }
            if buffer.size > ConsoleBuffer.finalLimit + Self.limit { Issue.record("\(buffer.size) bytes are kept") }
        }
        buffer.finish()
        var rest: [UInt8] = []
        while let part = await buffer.take(10_000) { rest += part }
        #expect(rest.count >= ConsoleBuffer.finalLimit && rest.count + buffer.lost == end)
        #expect(rest == bytes(buffer.lost..<end))
    }

    @Test(arguments: 1...7)
    func aPatternIsFoundHoweverItComes(chunk: Int) async {
        let text = Array("aabaabaaab and more".utf8)
        let pattern = Array("aaab".utf8)
        let buffer = ConsoleBuffer(isAwaited: true)
        for start in stride(from: 0, to: text.count, by: chunk) {
            buffer.append(Array(text[start..<min(start + chunk, text.count)]))
        }
        var found: [UInt8] = []
        while let part = await buffer.take(chunk, through: pattern, after: Array(found.suffix(pattern.count - 1))) {
            found += part.bytes
            if part.isLast { break }
        }
        #expect(String(decoding: found, as: UTF8.self) == "aabaabaaab")
        #expect(await buffer.take(4) == Array(" and".utf8))
    }
}
