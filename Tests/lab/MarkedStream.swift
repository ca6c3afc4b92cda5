/// A stream of bytes that ends with a mark, which is not part of it.
///
/// Everything is let through at once, but for bytes that may be the start of the mark.
struct MarkedStream {
    private let mark: [UInt8]
    /// How much of the mark the stream ends with so far.
    private var matched = 0

    init(mark: String) {
        self.mark = Array(mark.utf8)
    }

    var isAtEnd: Bool { matched == mark.count }

    /// Takes the next bytes and returns those that are surely part of the stream.
    mutating func pass(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var all = mark.prefix(matched) + bytes
        matched = (0...min(mark.count, all.count)).last { all.suffix($0).elementsEqual(mark.prefix($0)) } ?? 0
        all.removeLast(matched)
        return Array(all)
    }
}
