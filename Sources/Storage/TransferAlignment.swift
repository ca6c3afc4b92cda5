import CLinux
import Glibc
import Linux

/// What offsets, lengths and addresses of a transfer must be multiples of.
public struct TransferAlignment: Equatable, Sendable {
    /// Bytes, for offsets in the image and for lengths; a power of two from 512 on.
    public let logicalBlock: Int
    /// Bytes, for addresses in memory; a power of two.
    public let memory: Int

    /// Bytes of a virtio sector, the unit of all offsets and lengths (virtio 1.3 §5.2.4).
    public static let sectorSize = 512
    /// What transfers through the page cache need: nothing beyond whole sectors.
    public static let any = TransferAlignment(logicalBlock: sectorSize, memory: 1)
    /// The largest logical block that is passed on to a guest, whose page is no larger.
    static let largestBlock = 4096

    init(logicalBlock: Int, memory: Int) {
        self.logicalBlock = logicalBlock
        self.memory = memory
    }

    /// What direct transfers of an image need, as the kernel tells it (statx(2), `STATX_DIOALIGN`, Linux 6.1), or as the
    /// device's block size or reading with growing alignments does.
    ///
    /// - Throws: `RawImageError.Problem.directNotSupported`.
    init(ofDirect descriptor: CInt, _ kind: RawImage.Kind) throws(RawImageError.Problem) {
        let found: (block: Int, memory: Int)
        if let told = Self.toldByKernel(descriptor) {
            found = told
        } else if kind == .blockDevice, let block = Self.deviceBlock(descriptor) {
            found = (block, block)
        } else if let block = Self.foundByReading(descriptor) {
            found = (block, block)
        } else {
            throw .directNotSupported
        }
        guard found.block.nonzeroBitCount == 1, found.memory.nonzeroBitCount == 1, found.block <= Self.largestBlock,
            found.memory <= Self.largestBlock
        else { throw .directNotSupported }
        self.init(logicalBlock: max(found.block, Self.sectorSize), memory: found.memory)
    }

    private static func toldByKernel(_ descriptor: CInt) -> (block: Int, memory: Int)? {
        var status = statx()
        guard statx(descriptor, "", AT_EMPTY_PATH, UInt32(STATX_DIOALIGN), &status) == 0,
            status.stx_mask & UInt32(STATX_DIOALIGN) != 0, status.stx_dio_offset_align > 0
        else { return nil }
        return (Int(status.stx_dio_offset_align), Int(status.stx_dio_mem_align))
    }

    private static func deviceBlock(_ descriptor: CInt) -> Int? {
        var size: CInt = 0
        return ioctl(descriptor, kBLKSSZGET, &size) == 0 ? Int(size) : nil
    }

    private static func foundByReading(_ descriptor: CInt) -> Int? {
        withUnsafeTemporaryAllocation(byteCount: 2 * largestBlock, alignment: largestBlock) { buffer in
            [sectorSize, largestBlock].first { alignment in
                pread(descriptor, buffer.baseAddress.map { $0 + alignment }, alignment, 0) >= 0
            }
        }
    }
}
