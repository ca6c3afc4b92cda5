/// Cuts a stream of bytes into lines, and never holds more than the longest allowed one and what was added last.
package struct LineBuffer {
    package enum Line: Equatable {
        /// Without its end.
        case text([UInt8])
        /// It was longer than `limit`, and is lost.
        case tooLong
    }

    /// Bytes of a line without its end.
    package static let limit = 1 << 20

    private var bytes: [UInt8] = []
    /// What is before has been taken.
    private var start = 0
    /// Between `start` and here there is no end of a line.
    private var searched = 0
    /// The line at hand is too long, and what there was of it is gone.
    private var isSkipping = false

    /// Bytes that wait to be taken.
    package var heldCount: Int { bytes.count - start }

    package init() {}

    package mutating func append(_ new: some Sequence<UInt8>) {
        bytes.removeFirst(start)
        searched -= start
        start = 0
        bytes.append(contentsOf: new)
    }

    /// Takes the next complete line.
    package mutating func next() -> Line? {
        if let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
            defer {
                start = end + 1
                searched = start
                isSkipping = false
            }
            return isSkipping || end - start > Self.limit ? .tooLong : .text(Array(bytes[start..<end]))
        }
        if isSkipping || bytes.count - start > Self.limit {
            isSkipping = true
            bytes = []
            start = 0
        }
        searched = bytes.count
        return nil
    }

    /// Takes what comes after the last end of a line, when the stream has ended; nil for nothing.
    package mutating func rest() -> Line? {
        append(CollectionOfOne(UInt8(ascii: "\n")))
        switch next() {
        case .text([]): return nil
        case let line: return line
        }
    }
}
