/// Text that a JSON decoder may be given: a decoder is not asked to be robust against all the rest.
enum JSONText {
    /// How deep arrays and objects may be within each other.
    static let deepest = 64

    /// What is wrong with `bytes`, in words; nil if they are UTF-8 without control characters, and not nested too deeply.
    static func problem(in bytes: [UInt8]) -> String? {
        guard String(validating: bytes, as: UTF8.self) != nil else { return "the line is not valid UTF-8" }
        var depth = 0
        var isString = false
        var isEscaped = false
        for byte in bytes {
            if byte < UInt8(ascii: " "), byte != UInt8(ascii: "\t"), byte != UInt8(ascii: "\r") {
                return "the line has a control character in it, byte \(byte)"
            }
            if isEscaped {
                isEscaped = false
                continue
            }
            switch (byte, isString) {
            case (UInt8(ascii: "\""), _): isString.toggle()
            case (UInt8(ascii: "\\"), true): isEscaped = true
            case (UInt8(ascii: "["), false), (UInt8(ascii: "{"), false):
                depth += 1
                if depth > deepest { return "the line has more than \(deepest) arrays and objects within each other" }
            case (UInt8(ascii: "]"), false), (UInt8(ascii: "}"), false): depth -= 1
            default: break
            }
        }
        return nil
    }

    static func isBlank(_ bytes: [UInt8]) -> Bool {
        bytes.allSatisfy { [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")].contains($0) }
    }
}
