/// A queue of completions with room for one of every tag, allocated once.
struct CompletionQueue: ~Copyable {
    private let elements: UnsafeMutablePointer<Completion>
    private let capacity: Int
    private var first = 0
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        elements = .allocate(capacity: capacity)
    }

    deinit { elements.deallocate() }

    mutating func append(_ completion: Completion) {
        precondition(count < capacity, "A tag was completed twice")
        (elements + (first + count) % capacity).initialize(to: completion)
        count += 1
    }

    mutating func popFirst() -> Completion? {
        guard count > 0 else { return nil }
        defer {
            first = (first + 1) % capacity
            count -= 1
        }
        return elements[first]
    }
}
