/// Takes the fields of a guest's payload one after the other.
struct PayloadReader {
    /// A field that is not there, or makes no sense.
    struct Malformed: Error {}

    private var rest: ArraySlice<UInt8>

    init(_ payload: [UInt8]) {
        rest = payload[...]
    }

    mutating func raw(_ count: Int) throws(Malformed) -> [UInt8] {
        guard count >= 0, count <= rest.count else { throw Malformed() }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(
        _: Number.Type = Number.self
    ) throws(Malformed) -> Number {
        let bytes = try raw(MemoryLayout<Number>.size)
        return bytes.reversed().reduce(0) { $0 << 8 | Number($1) }
    }

    mutating func text() throws(Malformed) -> [UInt8] {
        let text = try raw(Int(number(UInt32.self)))
        guard !text.contains(0) else { throw Malformed() }
        return text
    }

    mutating func list() throws(Malformed) -> [[UInt8]] {
        let count = try number(UInt32.self)
        guard count <= rest.count / 4 else { throw Malformed() }
        var texts: [[UInt8]] = []
        for _ in 0..<count { texts.append(try text()) }
        return texts
    }

    /// Says that there must be nothing more.
    func finish() throws(Malformed) {
        guard rest.isEmpty else { throw Malformed() }
    }
}
