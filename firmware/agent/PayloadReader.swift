import System

/// Takes the fields of a payload one after the other. A field that is not there, or makes no sense, is 0 or empty, and
/// `isValid` false from then on.
struct PayloadReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private(set) var isValid = true

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Whether all fields were there, and nothing is after them.
    var isComplete: Bool { isValid && position == bytes.count }

    private mutating func take(_ count: Int) -> Range<Int>? {
        guard isValid, count <= bytes.count - position else {
            isValid = false
            return nil
        }
        defer { position += count }
        return position..<position + count
    }

    mutating func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number {
        guard let range = take(MemoryLayout<Number>.size) else { return 0 }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: Number.self))
    }

    mutating func raw(_ count: Int) -> UnsafeRawBufferPointer {
        guard let range = take(count) else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    /// - Parameter size: bytes of the shortest member.
    mutating func count(membersOf size: Int) -> Int {
        let count = Int(number(UInt32.self))
        if count > (bytes.count - position) / size { isValid = false }
        return isValid ? count : 0
    }

    mutating func text(into texts: Texts) -> UnsafeMutablePointer<CChar> {
        let count = Int(number(UInt32.self))
        let text = raw(count)
        if text.contains(0) { isValid = false }
        return texts.add(text)
    }

    mutating func list(into texts: Texts) -> TextList {
        let list = TextList(count: count(membersOf: 4))
        for index in 0..<list.count { list.pointers[index] = text(into: texts) }
        return list
    }

    /// Passes a list over.
    mutating func skipList() {
        for _ in 0..<count(membersOf: 4) { _ = raw(Int(number(UInt32.self))) }
    }
}

/// The texts of a payload as C has them.
final class Texts {
    private let storage: UnsafeMutablePointer<CChar>
    private let capacity: Int
    private var used = 0

    /// - Parameter payload: bytes of all of it; its texts take less, as each has four bytes for its length there.
    init(payload: Int) {
        capacity = payload
        storage = .allocate(capacity: payload + 1)
        storage[payload] = 0
    }

    deinit { storage.deallocate() }

    /// - Returns: an empty text for one that has no room, which no payload's is.
    func add(_ text: UnsafeRawBufferPointer) -> UnsafeMutablePointer<CChar> {
        guard text.count < capacity - used else { return storage + capacity }
        let start = storage + used
        if let source = text.baseAddress { memcpy(start, source, text.count) }
        start[text.count] = 0
        used += text.count + 1
        return start
    }
}

/// A list of texts as execve(2) takes it.
final class TextList {
    let count: Int
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    init(count: Int) {
        self.count = count
        pointers = .allocate(capacity: count + 1)
        pointers.initialize(repeating: nil, count: count + 1)
    }

    deinit { pointers.deallocate() }
}
