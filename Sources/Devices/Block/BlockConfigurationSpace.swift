import Storage

/// The configuration space of a block device (virtio 1.3 §5.2.4): where its fields are, and what they hold at first.
enum BlockConfigurationSpace {
    private static let capacity = 0
    private static let segmentMaximum = 12
    private static let blockSize = 20
    private static let physicalBlockExponent = 24
    private static let minimumIOSize = 26
    /// The byte by which a driver chooses between a writeback and a writethrough cache.
    static let writeback = 32
    private static let queueCount = 34
    private static let discardSectorMaximum = 36
    private static let discardRangeMaximum = 40
    private static let discardSectorAlignment = 44
    private static let writeZeroesSectorMaximum = 48
    private static let writeZeroesRangeMaximum = 52
    private static let writeZeroesMayUnmap = 56
    private static let count = 60

    /// - Parameters:
    ///   - capacity: bytes.
    ///   - physicalBlock: bytes that the host stores as one; a multiple of the logical block.
    ///   - segments: the most buffers that a request's data should have.
    static func bytes(
        capacity: UInt64, alignment: TransferAlignment, physicalBlock: Int, segments: Int, queues: Int
    ) -> [UInt8] {
        let blocksPerPhysical = max(physicalBlock / alignment.logicalBlock, 1)
        var bytes = [UInt8](repeating: 0, count: count)
        setCapacity(capacity, in: &bytes)
        put(UInt32(clamping: segments), at: segmentMaximum, in: &bytes)
        put(UInt32(clamping: alignment.logicalBlock), at: blockSize, in: &bytes)
        put(UInt8(clamping: blocksPerPhysical.trailingZeroBitCount), at: physicalBlockExponent, in: &bytes)
        put(UInt16(clamping: blocksPerPhysical), at: minimumIOSize, in: &bytes)
        put(1 as UInt8, at: writeback, in: &bytes)
        put(UInt16(clamping: queues), at: queueCount, in: &bytes)
        put(BlockLimits.discardSectors, at: discardSectorMaximum, in: &bytes)
        put(UInt32(clamping: BlockLimits.discardRanges), at: discardRangeMaximum, in: &bytes)
        put(UInt32(clamping: physicalBlock / TransferAlignment.sectorSize), at: discardSectorAlignment, in: &bytes)
        put(BlockLimits.writeZeroesSectors, at: writeZeroesSectorMaximum, in: &bytes)
        put(UInt32(clamping: BlockLimits.writeZeroesRanges), at: writeZeroesRangeMaximum, in: &bytes)
        put(1 as UInt8, at: writeZeroesMayUnmap, in: &bytes)
        return bytes
    }

    /// - Parameter capacity: bytes.
    static func setCapacity(_ capacity: UInt64, in space: inout [UInt8]) {
        put(capacity / UInt64(TransferAlignment.sectorSize), at: Self.capacity, in: &space)
    }

    /// - Parameter offset: of a field in a space of the whole size.
    private static func put(_ value: some FixedWidthInteger, at offset: Int, in bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<(offset + $0.count), with: $0) }
    }
}
