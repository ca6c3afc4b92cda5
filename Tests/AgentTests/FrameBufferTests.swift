import Testing

@testable import Agent

struct FrameBufferTests {
    private func frame(length: UInt32, kind: UInt16 = 32, reserved: UInt16 = 0, id: UInt32 = 7) -> [UInt8] {
        bytes(length) + bytes(kind) + bytes(reserved) + bytes(id)
    }

    @Test func takesFramesHoweverTheyAreCut() throws {
        let first = frame(length: 3, kind: 0x1234, id: 0x89AB_CDEF) + [1, 2, 3]
        let second = frame(length: 0)
        let stream = first + second
        for cut in 1..<stream.count {
            var buffer = FrameBuffer()
            var frames: [FrameBuffer.Frame] = []
            for part in [stream[..<cut], stream[cut...]] {
                buffer.append(part)
                while let frame = try buffer.next() { frames.append(frame) }
            }
            #expect(
                frames == [
                    .init(kind: 0x1234, id: 0x89AB_CDEF, payload: [1, 2, 3]), .init(kind: 32, id: 7, payload: []),
                ])
        }
    }

    @Test func takesTheLongestFrame() throws {
        var buffer = FrameBuffer()
        buffer.append(frame(length: 4096) + [UInt8](repeating: 9, count: 4096))
        #expect(try buffer.next()?.payload.count == 4096)
    }

    @Test(arguments: [4097, 1 << 20, .max] as [UInt32])
    func refusesALongerOne(length: UInt32) {
        var buffer = FrameBuffer()
        buffer.append(frame(length: length))
        #expect(throws: AgentError.violation("a frame of \(length) bytes")) { _ = try buffer.next() }
    }

    @Test func refusesReservedBytes() {
        var buffer = FrameBuffer()
        buffer.append(frame(length: 0, reserved: 0x0100))
        #expect(throws: AgentError.self) { _ = try buffer.next() }
    }
}

/// A number as the protocol has it.
func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian, Array.init)
}

/// A text as the protocol has it.
func text(_ text: String) -> [UInt8] {
    bytes(UInt32(text.utf8.count)) + Array(text.utf8)
}
