import CLinux
import Linux
import MachineConfiguration

/// The guest's physical memory: one host mapping, seen by the guest as memory from address 0 and, when it
/// does not all fit below the hole for devices, a second region from 4 GiB up.
///
/// Every access is checked against the regions and fails with `GuestMemoryError`; nothing a guest can name
/// reaches other memory. The guest runs while we read: whatever is read must be copied once and then checked.
public final class GuestMemory: @unchecked Sendable {
    // Sendable: all state is immutable; the bytes themselves are shared with a racing guest by nature.

    /// A contiguous range of guest-physical memory.
    public struct Region: Equatable, Sendable {
        /// First guest-physical address.
        public let start: UInt64
        /// Bytes.
        public let count: UInt64
        /// Bytes from the start of the host mapping.
        public let hostOffset: UInt64

        public var end: UInt64 { start + count }
    }

    /// The first address above the hole for devices.
    public static let highStart: UInt64 = 4 << 30
    public static let pageSize: UInt64 = 4096
    static let hugePageSize: UInt64 = 2 << 20

    /// Bytes in all regions.
    public let size: UInt64
    /// Bytes of the host's pages that can be given back.
    private let granule: Int
    @usableFromInline let lowCount: UInt64
    @usableFromInline let highCount: UInt64
    @usableFromInline let host: UnsafeMutableRawPointer
    private let mapping: MemoryMapping

    /// Maps guest memory without touching it.
    ///
    /// - Parameters:
    ///   - size: bytes, a multiple of 4 KiB, with `.hugetlbfs` of 2 MiB.
    ///   - holeStart: the first address not used for memory below 4 GiB; a multiple of 2 MiB.
    /// - Throws: `GuestMemoryError.unusableSize`, or `.mapping` when the host has not got the memory.
    public init(
        size: UInt64, holeStart: UInt64 = 3 << 30, pages: HugePages = .transparent
    ) throws(GuestMemoryError) {
        let granule = pages == .hugetlbfs ? Self.hugePageSize : Self.pageSize
        guard size > 0, size.isMultiple(of: granule), size <= 1 << 46 else {
            throw .unusableSize(size, granule: granule)
        }
        self.size = size
        self.granule = Int(granule)
        lowCount = min(size, holeStart)
        highCount = size - lowCount

        do {
            switch pages {
            case .hugetlbfs:
                mapping = try MemoryMapping.anonymous(
                    count: Int(size), flags: MAP_HUGETLB | CInt(kMAP_HUGE_2MB), reserve: true, subject: "guest memory")
                host = mapping.start
            case .never, .transparent:
                // Room to start on a huge page's boundary: the kernel only uses huge pages where the guest's
                // and the host's addresses agree modulo 2 MiB.
                mapping = try MemoryMapping.anonymous(
                    count: Int(size + Self.hugePageSize), subject: "guest memory")
                host = mapping.start.alignedUp(toMultipleOf: Int(Self.hugePageSize))
            }
        } catch {
            throw .mapping(error, size: size, pages: pages)
        }
        // Advice: a kernel without transparent huge pages answers EINVAL, and small pages do as well.
        madvise(host, Int(size), pages == .transparent ? MADV_HUGEPAGE : MADV_NOHUGEPAGE)
        madvise(host, Int(size), MADV_DONTDUMP)
    }

    /// One region, or two when memory reaches above the hole; in ascending order.
    public var regions: [Region] {
        let low = Region(start: 0, count: lowCount, hostOffset: 0)
        let high = Region(start: Self.highStart, count: highCount, hostOffset: lowCount)
        return highCount > 0 ? [low, high] : [low]
    }

    /// The host address of a region's first byte, for `KVM_SET_USER_MEMORY_REGION`.
    public func hostAddress(of region: Region) -> UInt64 {
        UInt64(UInt(bitPattern: host)) + region.hostOffset
    }

    /// The host's view of `count` bytes at guest-physical `address`, which must lie in one region.
    ///
    /// The buffer must not outlive this object, and its bytes can change at any time.
    ///
    /// - Throws: `GuestMemoryError.outOfRange`.
    @inlinable
    public func bytes(
        at address: UInt64, count: Int
    ) throws(GuestMemoryError) -> UnsafeMutableRawBufferPointer {
        guard let length = UInt64(exactly: count) else { throw .outOfRange(address: address, count: 0) }
        if address < lowCount, length <= lowCount - address {
            return UnsafeMutableRawBufferPointer(start: host + Int(address), count: count)
        }
        let high = address &- Self.highStart
        if address >= Self.highStart, high < highCount, length <= highCount - high {
            return UnsafeMutableRawBufferPointer(start: host + Int(lowCount + high), count: count)
        }
        throw .outOfRange(address: address, count: length)
    }

    /// Copies one value out of guest memory; the address need not be aligned.
    @inlinable
    public func load<Value: BitwiseCopyable>(
        at address: UInt64, as type: Value.Type = Value.self
    ) throws(GuestMemoryError) -> Value {
        try bytes(at: address, count: MemoryLayout<Value>.size).loadUnaligned(as: Value.self)
    }

    /// Copies one value into guest memory; the address need not be aligned.
    @inlinable
    public func store<Value: BitwiseCopyable>(_ value: Value, at address: UInt64) throws(GuestMemoryError) {
        try bytes(at: address, count: MemoryLayout<Value>.size).storeBytes(of: value, as: Value.self)
    }

    /// Copies `source` into guest memory.
    @inlinable
    public func write(_ source: UnsafeRawBufferPointer, at address: UInt64) throws(GuestMemoryError) {
        try bytes(at: address, count: source.count).copyMemory(from: source)
    }

    /// Copies `source` into guest memory.
    @inlinable
    public func write(_ source: [UInt8], at address: UInt64) throws(GuestMemoryError) {
        try bytes(at: address, count: source.count).copyBytes(from: source)
    }

    /// Bytes for which the host has given pages; nil where the system does not tell.
    public var residentSize: UInt64? {
        let start = UInt(bitPattern: host)
        return Linux.residentSize(of: start..<start + UInt(size))
    }

    /// Gives the pages that are wholly within `bytes` back to the host. The guest may go on using them: they read as
    /// zeros, and take memory again once they are touched.
    ///
    /// - Parameter bytes: a view of guest memory; nothing happens with others.
    /// - Returns: how many bytes were given back; on reserved huge pages whole 2 MiB only.
    @discardableResult
    public func discard(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress, base >= host, base - host <= Int(size) - bytes.count else { return 0 }
        let offset = base - host
        let first = (offset + granule - 1) / granule * granule
        let end = (offset + bytes.count) / granule * granule
        guard first < end, madvise(host + first, end - first, MADV_DONTNEED) == 0 else { return 0 }
        return end - first
    }
}
