import Control

extension ConsoleHistory {
    private static let mostBytes = 4096
    private static let mostLines = 8

    /// The last lines that a guest printed, without what a terminal would obey, for who wants to know why it went down.
    var lastLines: [String] {
        let text = read(from: 0).bytes.suffix(Self.mostBytes).map {
            (0x20...0x7E).contains($0) || $0 == 0x0A ? $0 : 0x20
        }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(\.trimmedEnd).filter { !$0.isEmpty }
            .suffix(Self.mostLines)
    }
}

extension Substring {
    fileprivate var trimmedEnd: String {
        String(reversed().drop { $0 == " " }.reversed())
    }
}
