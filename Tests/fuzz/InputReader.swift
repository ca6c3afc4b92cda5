/// Takes values off the front of a fuzzer's input; zeros once it is used up.
struct InputReader {
    private(set) var rest: UnsafeRawBufferPointer

    init(_ input: UnsafeRawBufferPointer) {
        rest = input
    }

    var isEmpty: Bool { rest.isEmpty }

    mutating func take<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
        var value: Value = 0
        withUnsafeMutableBytes(of: &value) { bytes in
            let part = take(bytes.count)
            for index in part.indices { bytes[index - part.startIndex] = part[index] }
        }
        return value
    }

    mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
        let part = rest.prefix(count)
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        return UnsafeRawBufferPointer(rebasing: part)
    }
}
