import CLinux
import Glibc

/// A range of the address space made by mmap(2), unmapped when its owner goes.
public struct MemoryMapping: ~Copyable, @unchecked Sendable {
    // Sendable: the mapping is only an address range; who may touch which byte when is its user's contract.
    public let start: UnsafeMutableRawPointer
    /// Bytes.
    public let count: Int

    private init(start: UnsafeMutableRawPointer, count: Int) {
        self.start = start
        self.count = count
    }

    deinit { munmap(start, count) }

    public var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: start, count: count)
    }

    /// Maps `count` bytes of an open file or kernel object from `offset`.
    ///
    /// - Parameters:
    ///   - protection: `PROT_READ` and friends.
    ///   - flags: `MAP_SHARED` or `MAP_PRIVATE` and friends.
    ///   - subject: what an error should call it.
    public static func file(
        _ descriptor: CInt, offset: Int = 0, count: Int, protection: CInt, flags: CInt, subject: String
    ) throws(SystemCallError) -> MemoryMapping {
        try map(count: count, protection: protection, flags: flags, descriptor: descriptor, offset: offset, subject)
    }

    /// Maps `count` bytes of zeroed memory that takes no room before it is touched.
    ///
    /// - Parameters:
    ///   - flags: `MAP_HUGETLB` and friends, added to `MAP_PRIVATE | MAP_ANONYMOUS`.
    ///   - reserve: whether the mapping should fail now rather than a later access to it, when memory is short.
    public static func anonymous(
        count: Int, flags: CInt = 0, reserve: Bool = false, subject: String
    ) throws(SystemCallError) -> MemoryMapping {
        try map(
            count: count, protection: PROT_READ | PROT_WRITE,
            flags: MAP_PRIVATE | MAP_ANONYMOUS | (reserve ? 0 : MAP_NORESERVE) | flags,
            descriptor: -1, offset: 0, subject)
    }

    private static func map(
        count: Int, protection: CInt, flags: CInt, descriptor: CInt, offset: Int, _ subject: String
    ) throws(SystemCallError) -> MemoryMapping {
        guard let start = mmap(nil, count, protection, flags, descriptor, offset), start != MAP_FAILED else {
            throw SystemCallError("mmap", on: subject, errno: currentErrno)
        }
        return MemoryMapping(start: start, count: count)
    }
}
