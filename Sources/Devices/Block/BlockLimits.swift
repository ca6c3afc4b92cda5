import Storage

/// What requests to a disk must keep to, besides its size.
struct BlockLimits {
    /// Bytes; offsets and lengths are multiples of it.
    let blockSize: Int
    /// Sectors of one range to discard: 256 MiB.
    static let discardSectors: UInt32 = 1 << 19
    /// Ranges of a request to discard.
    static let discardRanges = 32
    /// Sectors of one range to fill with zeroes: 16 MiB, since some file systems must be written them.
    static let writeZeroesSectors: UInt32 = 1 << 15
    /// Ranges of a request to fill with zeroes.
    static let writeZeroesRanges = 1
}
