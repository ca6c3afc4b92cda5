import Machine
import MachineConfiguration

/// Text that claims to be JSON (RFC 8259). A decoder is only given what was found right here: it is not asked to be
/// robust against all the rest, and cannot tell what is wrong where.
package enum JSONText {
    /// How deep arrays and objects may be within each other.
    static let deepest = 64

    /// What is wrong with a text.
    package struct Problem: Error, Equatable {
        /// Where it was found, in bytes from the beginning.
        package let offset: Int
        package let message: String
    }

    /// - Throws: `Problem` for what is not UTF-8, not JSON, nested too deeply, or has a field twice.
    package static func check(_ bytes: [UInt8]) throws(Problem) {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Problem(offset: validPrefix(of: bytes), message: "this is not valid UTF-8")
        }
        var scanner = JSONScanner(bytes)
        try scanner.scan()
    }

    /// Where a value is in a text that `check` has found right; nil for one that is not there.
    package static func range(of place: JSONPointer, in bytes: [UInt8]) -> Range<Int>? {
        var scanner = JSONScanner(bytes, lookingFor: place)
        try? scanner.scan()
        return scanner.found
    }

    /// The line and the column, each from 1, the latter in characters.
    package static func position(of offset: Int, in bytes: [UInt8]) -> (line: Int, column: Int) {
        let before = bytes.prefix(offset)
        let line = before.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return (line.count, String(decoding: line.last ?? [], as: UTF8.self).count + 1)
    }

    static func isBlank(_ bytes: [UInt8]) -> Bool {
        bytes.allSatisfy { [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")].contains($0) }
    }

    private static func validPrefix(of bytes: [UInt8]) -> Int {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var length = 0
        while case .valid(let character) = parser.parseScalar(from: &iterator) { length += character.count }
        return length
    }
}
