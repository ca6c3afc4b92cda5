/// The command line's parameters: words between spaces, each `NAME` or `NAME=VALUE`. The last of a name counts.
struct Parameters {
    private let line: UnsafePointer<UInt8>?

    init(_ startInfo: StartInfo) {
        line = startInfo.commandLine
    }

    /// The bytes after `NAME=`; none for a word that is only the name, and nil when there is no such word.
    func value(of name: StaticString) -> UnsafeBufferPointer<UInt8>? {
        guard var word = line else { return nil }
        var found: UnsafeBufferPointer<UInt8>?
        while word.pointee != 0 {
            var length = 0
            while word[length] != 0, word[length] != UInt8(ascii: " ") { length += 1 }
            if let value = Self.value(of: name, in: UnsafeBufferPointer(start: word, count: length)) { found = value }
            word += length
            while word.pointee == UInt8(ascii: " ") { word += 1 }
        }
        return found
    }

    /// Whether `NAME` or `NAME=VALUE` is there.
    func has(_ name: StaticString) -> Bool { value(of: name) != nil }

    /// The decimal value of a parameter; ends the VM with status 202 when it is not one.
    func number(_ name: StaticString, default value: UInt64) -> UInt64 {
        guard let digits = self.value(of: name) else { return value }
        var number: UInt64 = 0
        for digit in digits {
            let isDigit = digit >= UInt8(ascii: "0") && digit <= UInt8(ascii: "9")
            require(isDigit && number < 1 << 59, "a parameter is not a number", status: 202)
            number = number * 10 + UInt64(digit - UInt8(ascii: "0"))
        }
        return number
    }

    private static func value(
        of name: StaticString, in word: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        let length = name.utf8CodeUnitCount
        guard word.count >= length else { return nil }
        for index in 0..<length where word[index] != name.utf8Start[index] { return nil }
        if word.count == length { return UnsafeBufferPointer(rebasing: word[length...]) }
        return word[length] == UInt8(ascii: "=") ? UnsafeBufferPointer(rebasing: word[(length + 1)...]) : nil
    }
}
