/// A range of memory that a function answers in, placed by a base address register.
public struct MemoryRegion: Equatable, Sendable {
    public enum Width: Sendable {
        case bits32, bits64
    }

    /// The base address register's number, 0 to 5; a 64-bit one takes the next as well.
    public let register: Int
    /// Bytes, a power of two from 16 up; one page or more keeps functions apart.
    public let size: UInt64
    public let width: Width
    /// Whether reads have no side effects and writes may be merged.
    public let isPrefetchable: Bool

    public init(register: Int, size: UInt64, width: Width = .bits32, isPrefetchable: Bool = false) {
        precondition(register >= 0 && register <= (width == .bits64 ? 4 : 5) && size.nonzeroBitCount == 1 && size >= 16)
        precondition(width == .bits64 || size <= 1 << 31)
        self.register = register
        self.size = size
        self.width = width
        self.isPrefetchable = isPrefetchable
    }

    /// Of its base address register in configuration space.
    var offset: Int { ConfigurationRegister.baseAddress0 + 4 * register }

    /// The bits of an address that the guest chooses.
    var addressMask: UInt64 { ~(size - 1) }

    var attributes: UInt32 {
        (width == .bits64 ? ConfigurationRegister.BaseAddress.type64 : 0)
            | (isPrefetchable ? ConfigurationRegister.BaseAddress.prefetchable : 0)
    }
}
