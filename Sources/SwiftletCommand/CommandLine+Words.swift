import Glibc

extension CommandLine {
    /// The last words as they were given: their bytes may be no text.
    static func lastWords(_ number: Int) -> [[UInt8]] {
        let count = Int(argc)
        return (max(count - number, 0)..<count).compactMap { index in
            unsafeArgv[index].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        }
    }
}
