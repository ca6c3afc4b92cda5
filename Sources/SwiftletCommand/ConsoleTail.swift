import Synchronization

/// The end of what a guest printed, for who wants to know why it went down.
final class ConsoleTail: Sendable {
    /// Bytes.
    private static let capacity = 4096
    private static let mostLines = 8

    private let bytes = Mutex<[UInt8]>([])

    func add(_ more: UnsafeRawBufferPointer) {
        bytes.withLock { bytes in
            bytes += more.suffix(Self.capacity)
            bytes.removeFirst(max(bytes.count - Self.capacity, 0))
        }
    }

    /// The last lines, without what a terminal would obey.
    var lines: [String] {
        let text = bytes.withLock { $0.map { (0x20...0x7E).contains($0) || $0 == 0x0A ? $0 : 0x20 } }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(\.trimmedEnd).filter { !$0.isEmpty }
            .suffix(Self.mostLines)
    }
}

extension Substring {
    fileprivate var trimmedEnd: String {
        String(reversed().drop { $0 == " " }.reversed())
    }
}
