import ControlMessages

/// Cuts a stream of bytes into texts, without cutting a character.
struct TextCutter {
    /// The beginning of a UTF-8 sequence, at most three bytes.
    private var held: [UInt8] = []

    /// Takes the next bytes.
    ///
    /// - Returns: what can be told of them now; nil for nothing.
    mutating func take(_ bytes: some Sequence<UInt8>) -> ConsoleText? {
        var all = held
        all.append(contentsOf: bytes)
        let cut = all.count - Self.unfinished(all)
        held = Array(all[cut...])
        return cut == 0 ? nil : ConsoleText(all[..<cut])
    }

    /// What is left at the stream's end; nil for nothing.
    mutating func rest() -> ConsoleText? {
        defer { held = [] }
        return held.isEmpty ? nil : ConsoleText(held[...])
    }

    /// How many bytes at the end may begin a character that goes on (Unicode 16, table 3-6).
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for (index, byte) in bytes.suffix(3).reversed().enumerated() {
            let length =
                switch byte {
                case 0xC2...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xF4: 4
                case 0x80...0xBF: 0
                default: 1
                }
            // A continuation: the character begins further to the left.
            if length == 0 { continue }
            return length > index + 1 ? index + 1 : 0
        }
        return 0
    }
}

extension ConsoleText {
    /// Text where that is what the bytes are. NUL bytes, which JSON has six characters for each of, are none.
    init(_ bytes: ArraySlice<UInt8>) {
        if !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) {
            self = .text(text)
        } else {
            self = .bytes(Array(bytes))
        }
    }
}
