import Glibc
import Linux
import Testing

@testable import Control

/// The way of the guest's output to the client, with the test in place of both.
struct GuestOutputTests {
    private final class Reader {
        var text = ""
        var hasEnded = false
    }

    private func output(_ reader: Reader) throws -> (GuestOutput, EventLoop) {
        let loop = try EventLoop(name: "test")
        let output = try GuestOutput(
            on: loop,
            deliver: { text in
                if case .text(let text) = text { reader.text += text } else { Issue.record("not text") }
            }, ended: { reader.hasEnded = true })
        return (output, loop)
    }

    /// Writes as the console's thread does.
    private func print(_ text: String, to output: GuestOutput) -> Int {
        var text = text
        return text.withUTF8 { write(output.descriptor, $0.baseAddress, $0.count) }
    }

    @Test func whileTheClientDoesNotReadTheConsoleCannotWrite() throws {
        let reader = Reader()
        let (output, loop) = try output(reader)
        output.isHeldBack = true
        var printed = 0
        while case let count = print("0123456789abcdef", to: output), count > 0 {
            printed += count
            loop.turn(waiting: false)
            try #require(printed <= 1 << 20, "output is kept without bound")
        }
        #expect(errno == EAGAIN)
        #expect(reader.text.isEmpty)

        output.isHeldBack = false
        for _ in 0..<100 { loop.turn(waiting: false) }
        #expect(reader.text == String(repeating: "0123456789abcdef", count: printed / 16))
        #expect(!reader.hasEnded)
        output.abandon()
    }

    @Test(arguments: [true, false])
    func theEndComesAfterTheLastByte(isHeldBack: Bool) throws {
        let reader = Reader()
        let (output, loop) = try output(reader)
        output.isHeldBack = isHeldBack
        _ = print("last words", to: output)
        output.finish()
        #expect(reader.hasEnded == !isHeldBack)
        output.isHeldBack = false
        loop.turn(waiting: false)
        #expect(reader.hasEnded)
        #expect(reader.text == "last words")
    }

    @Test func whatIsAbandonedEndsWithItsConsole() throws {
        let reader = Reader()
        let (output, loop) = try output(reader)
        output.isHeldBack = true
        _ = print("never read", to: output)
        output.abandon()
        #expect(!reader.hasEnded)
        output.finish()
        loop.turn(waiting: false)
        #expect(reader.hasEnded)
        #expect(reader.text == "")
    }
}
