/// The bytes of a control connection as frames. What it keeps is bounded by the longest frame and the bytes of one read.
struct FrameBuffer {
    struct Frame: Equatable {
        let kind: UInt16
        let id: UInt32
        let payload: [UInt8]
    }

    private var bytes: [UInt8] = []
    private var start = 0

    mutating func append(_ new: some Collection<UInt8>) {
        bytes.removeFirst(start)
        start = 0
        bytes += new
    }

    /// - Returns: nil where no frame has come completely.
    /// - Throws: `violation`, after which nothing that follows makes sense.
    mutating func next() throws(AgentError) -> Frame? {
        guard bytes.count - start >= AgentProtocol.headerSize else { return nil }
        let length = Int(number(at: 0, UInt32.self))
        guard length <= AgentProtocol.longestEvent else { throw .violation("a frame of \(length) bytes") }
        let kind = number(at: 4, UInt16.self)
        guard number(at: 6, UInt16.self) == 0 else { throw .violation("a frame whose reserved bytes are not 0") }
        let begin = start + AgentProtocol.headerSize
        guard bytes.count - begin >= length else { return nil }
        defer { start = begin + length }
        return Frame(kind: kind, id: number(at: 8, UInt32.self), payload: Array(bytes[begin..<begin + length]))
    }

    private func number<Number: FixedWidthInteger>(at offset: Int, _: Number.Type) -> Number {
        let field = bytes[start + offset..<start + offset + MemoryLayout<Number>.size]
        return field.reversed().reduce(0) { $0 << 8 | Number($1) }
    }
}
