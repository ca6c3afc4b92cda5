import Machine
import MachineConfiguration

/// Reads JSON from its beginning to its end without keeping any of it.
struct JSONScanner {
    typealias Problem = JSONText.Problem

    /// The range of the value that was looked for, once it has been passed.
    private(set) var found: Range<Int>?

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    private let bytes: [UInt8]
    private let wanted: [String]?
    private var offset = 0
    private var depth = 0

    /// - Parameter bytes: UTF-8.
    init(_ bytes: [UInt8], lookingFor place: JSONPointer? = nil) {
        self.bytes = bytes
        wanted = place?.steps
    }

    mutating func scan() throws(Problem) {
        skipSpace()
        try value(wanted?[...])
        skipSpace()
        guard offset == bytes.count else { throw unexpected("nothing more") }
    }

    /// - Parameter path: what is left of the way to the value that is looked for; nil off that way.
    private mutating func value(_ path: ArraySlice<String>?) throws(Problem) {
        let start = offset
        switch current {
        case UInt8(ascii: "{"): try nested { scanner throws(Problem) in try scanner.fields(path) }
        case UInt8(ascii: "["): try nested { scanner throws(Problem) in try scanner.elements(path) }
        case UInt8(ascii: "\""): try string()
        case let byte? where byte == UInt8(ascii: "-") || Self.digits ~= byte: try number()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: throw unexpected("a value")
        }
        if path?.isEmpty == true { found = start..<offset }
    }

    private mutating func nested(_ body: (inout JSONScanner) throws(Problem) -> Void) throws(Problem) {
        guard depth < JSONText.deepest else {
            throw problem("there are more than \(JSONText.deepest) arrays and objects within each other")
        }
        depth += 1
        offset += 1
        try body(&self)
        depth -= 1
    }

    private mutating func fields(_ path: ArraySlice<String>?) throws(Problem) {
        skipSpace()
        if take("}") { return }
        var names: Set<ArraySlice<UInt8>> = []
        repeat {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw unexpected("the name of a field in double quotes") }
            let start = offset
            try string()
            let name = bytes[start + 1..<offset - 1]
            guard names.insert(name).inserted else {
                throw Problem(
                    offset: start, message: "the field '\(String(decoding: name, as: UTF8.self))' is there twice")
            }
            skipSpace()
            guard take(":") else { throw unexpected("':'") }
            skipSpace()
            let isOnPath = path?.first.map { name.elementsEqual($0.utf8) } == true
            try value(isOnPath ? path?.dropFirst() : nil)
            skipSpace()
        } while take(",")
        guard take("}") else { throw unexpected("',' or '}'") }
    }

    private mutating func elements(_ path: ArraySlice<String>?) throws(Problem) {
        skipSpace()
        if take("]") { return }
        var index = 0
        repeat {
            skipSpace()
            try value(path?.first == "\(index)" ? path?.dropFirst() : nil)
            skipSpace()
            index += 1
        } while take(",")
        guard take("]") else { throw unexpected("',' or ']'") }
    }

    private mutating func string() throws(Problem) {
        offset += 1
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20: throw problem("a control character, byte \(byte), is only allowed as an escape")
            default: offset += 1
            }
        }
        throw unexpected("the end of a string")
    }

    private mutating func escape() throws(Problem) {
        offset += 1
        switch current {
        case UInt8(ascii: "u"):
            offset += 1
            let unit = try codeUnit()
            guard UTF16.isLeadSurrogate(unit) || UTF16.isTrailSurrogate(unit) else { return }
            guard UTF16.isLeadSurrogate(unit), take("\\"), take("u"), UTF16.isTrailSurrogate(try codeUnit()) else {
                throw problem("an escape is half of a surrogate pair")
            }
        case let byte? where #""\/bfnrt"#.utf8.contains(byte): offset += 1
        default: throw unexpected("an escape")
        }
    }

    private mutating func codeUnit() throws(Problem) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = current.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else {
                throw unexpected("a hexadecimal digit")
            }
            unit = unit << 4 | UInt16(digit)
            offset += 1
        }
        return unit
    }

    private mutating func number() throws(Problem) {
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
    }

    private mutating func digits() throws(Problem) {
        let start = offset
        while let byte = current, Self.digits ~= byte { offset += 1 }
        guard offset > start else { throw unexpected("a digit") }
    }

    private mutating func word(_ word: String) throws(Problem) {
        guard bytes[offset...].starts(with: word.utf8) else { throw unexpected("a value") }
        offset += word.utf8.count
    }

    // MARK: -

    private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current.map(Unicode.Scalar.init) == character else { return false }
        offset += 1
        return true
    }

    private func problem(_ message: String) -> Problem { Problem(offset: offset, message: message) }

    private func unexpected(_ expected: String) -> Problem {
        guard offset < bytes.count else { return problem("\(expected) is expected, but the text ends") }
        let rest = String(decoding: bytes[offset...].prefix(16), as: UTF8.self)
        let found = bytes[offset] < 0x20 ? "byte \(bytes[offset])" : "'\(rest.prefix(1))'"
        return problem("\(expected) is expected, not \(found)")
    }
}
