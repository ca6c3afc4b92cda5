/// The most that requests to discard or to fill with zeroes may ask for at a time.
enum BlockLimits {
    /// Sectors of a range to discard: 256 MiB.
    static let discardSectors: UInt32 = 1 << 19
    static let discardRanges = 32
    /// Sectors of a range to fill with zeroes: 16 MiB, since on some file systems they have to be written.
    static let writeZeroesSectors: UInt32 = 1 << 15
    static let writeZeroesRanges = 1
}
