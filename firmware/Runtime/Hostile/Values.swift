/// Some values to loop over, without an array on a heap.
struct Values<let count: Int, Element: BitwiseCopyable>: Sequence, IteratorProtocol {
    private let values: InlineArray<count, Element>
    private var position = 0

    init(_ values: InlineArray<count, Element>) {
        self.values = values
    }

    mutating func next() -> Element? {
        guard position < count else { return nil }
        defer { position += 1 }
        return values[position]
    }
}
