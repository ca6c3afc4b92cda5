/// A C structure that ends in an array of unspecified length, as several KVM ioctls take it.
struct FlexibleStructure<Header, Element>: ~Copyable {
    let start: UnsafeMutableRawPointer
    private let capacity: Int

    /// The structure with `header` followed by room for `capacity` zeroed elements.
    init(header: Header, capacity: Int) {
        let size = MemoryLayout<Header>.size + capacity * MemoryLayout<Element>.stride
        let alignment = max(MemoryLayout<Header>.alignment, MemoryLayout<Element>.alignment)
        start = .allocate(byteCount: size, alignment: alignment)
        start.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        start.storeBytes(of: header, as: Header.self)
        self.capacity = capacity
    }

    init(header: Header, elements: [Element]) {
        self.init(header: header, capacity: elements.count)
        for (index, element) in elements.enumerated() {
            start.storeBytes(of: element, toByteOffset: Self.offset(of: index), as: Element.self)
        }
    }

    deinit { start.deallocate() }

    var header: Header { start.load(as: Header.self) }

    /// The first `count` elements, as many as there are.
    func elements(_ count: some BinaryInteger) -> [Element] {
        (0..<min(Int(count), capacity)).map { start.load(fromByteOffset: Self.offset(of: $0), as: Element.self) }
    }

    private static func offset(of index: Int) -> Int {
        MemoryLayout<Header>.size + index * MemoryLayout<Element>.stride
    }
}
