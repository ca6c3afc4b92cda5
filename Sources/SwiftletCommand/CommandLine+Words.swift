import ArgumentParser
import Glibc

extension CommandLine {
    /// Refuses words that are no text: they would stand for others, with U+FFFD in the place of what is none.
    ///
    /// - Parameter count: how many words at the end may be anything.
    static func requireText(exceptLast count: Int) throws(ValidationError) {
        for index in 1..<max(Int(argc) - count, 1) {
            guard let word = unsafeArgv[index], String(validatingCString: word) == nil else { continue }
            throw ValidationError(
                "'\(String(cString: word))' is not UTF-8, which only the words of a command of 'swiftlet run' can be")
        }
    }

    /// The last words as they were given: their bytes may be no text.
    static func lastWords(_ number: Int) -> [[UInt8]] {
        let count = Int(argc)
        return (max(count - number, 0)..<count).compactMap { index in
            unsafeArgv[index].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        }
    }
}
