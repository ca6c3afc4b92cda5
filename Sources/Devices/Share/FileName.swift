import CLinux
import SystemPackage

/// One component of a path, which leads to no other directory than the one that it is looked up in.
struct FileName: Equatable, Sendable {
    /// With the zero byte that ends it.
    let bytes: [CChar]

    private static let longest = 255

    /// - Parameter bytes: without a zero byte at the end.
    /// - Throws: `EINVAL` for what is no single component: nothing, `.`, `..`, and a name with a slash or a zero byte;
    ///   `ENAMETOOLONG`.
    init(_ bytes: some Collection<UInt8>) throws(Errno) {
        guard bytes.count <= Self.longest else { throw .fileNameTooLong }
        guard !bytes.isEmpty, !Self.isDots(bytes), !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")) else {
            throw .invalidArgument
        }
        self.bytes = bytes.map { CChar(bitPattern: $0) } + [0]
    }

    /// Whether it is `.` or `..`.
    static func isDots(_ bytes: some Collection<UInt8>) -> Bool {
        (1...2).contains(bytes.count) && bytes.allSatisfy { $0 == UInt8(ascii: ".") }
    }
}
