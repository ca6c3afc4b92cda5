import Boot
import Linux

/// Memory for an initramfs that is being made, which takes no more room than there are bytes in it.
struct InitramfsMemory: ~Copyable {
    private let mapping: MemoryMapping
    private(set) var count = 0
    /// Bytes of the limit that are not to be put in.
    private var putAside = 0

    /// - Parameter limit: the most bytes that can be put in.
    init(limit: Int) throws(RootArchiveError.Problem) {
        mapping = try Self.reserve(max(limit, 1))
    }

    private static func reserve(_ count: Int) throws(RootArchiveError.Problem) -> MemoryMapping {
        do throws(SystemCallError) {
            return try .anonymous(count: count, subject: "memory for the initramfs")
        } catch {
            throw .system(error)
        }
    }

    /// - Throws: `RootArchiveError.Problem.noRoom`.
    mutating func append(_ bytes: [UInt8]) throws(RootArchiveError.Problem) {
        let place = try appendZeros(bytes.count)
        bytes.withUnsafeBytes { place.copyMemory(from: $0) }
    }

    /// - Returns: the place of `count` zeros, to be filled.
    mutating func appendZeros(_ count: Int) throws(RootArchiveError.Problem) -> UnsafeMutableRawBufferPointer {
        guard count <= mapping.count - putAside - self.count else { throw .noRoom }
        let place = self[self.count, count]
        self.count += count
        return place
    }

    /// Lowers the limit.
    mutating func putAside(_ count: Int) throws(RootArchiveError.Problem) {
        guard count <= mapping.count - putAside - self.count else { throw .noRoom }
        putAside += count
    }

    mutating func pad() throws(RootArchiveError.Problem) {
        let rest = count % CpioHeader.alignment
        if rest > 0 { _ = try appendZeros(CpioHeader.alignment - rest) }
    }

    /// Bytes that have been put in.
    subscript(offset: Int, count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: mapping.bytes[offset...].prefix(count))
    }

    /// The initramfs.
    consuming func finished(name: String) -> ByteSource {
        let count = count
        return ByteSource(mapping: mapping, count: count, name: name)
    }
}
