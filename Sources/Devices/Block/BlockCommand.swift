import Storage
import Virtio

/// What a request asks for, checked against the disk. Offsets and counts are bytes.
enum BlockCommand: Equatable {
    /// Move the chain's data; `count` is all of it.
    case transfer(Operation, offset: Int, count: Int)
    case flush
    /// Tell the disk's serial number.
    case identify
    /// Discard ranges, or fill them with zeroes: as many as `count`, all of them checked and stored.
    case changeRanges(count: Int)
    /// Do nothing, and answer this.
    case refuse(BlockStatus)

    /// Bytes that are moved.
    var byteCount: Int {
        if case .transfer(_, _, let count) = self { count } else { 0 }
    }

    /// Bytes that are moved to the disk.
    var writtenCount: Int {
        if case .transfer(.write, _, let count) = self { count } else { 0 }
    }

    var rangeCount: Int {
        if case .changeRanges(let count) = self { count } else { 0 }
    }
}

/// A range that is on the disk, in bytes, and what is to become of it.
struct CheckedRange: Equatable {
    let operation: Operation
    let offset: Int
    let count: Int
}

/// What a disk is like at the moment, by which its requests are judged (virtio 1.3 §5.2.6.1).
struct BlockRules {
    /// Bytes.
    var capacity: UInt64
    /// Bytes that offsets and counts must be multiples of.
    let blockSize: UInt64
    let isReadOnly: Bool
    /// What the driver accepted.
    var features: Features

    /// Reads a request off the chain, whose lists are then down to the data; each word is read once.
    ///
    /// - Parameter ranges: room for the ranges that a request names, `BlockLimits.discardRanges` of them.
    /// - Throws: where there is no header.
    func command(
        of chain: inout DescriptorChain, ranges: UnsafeMutablePointer<CheckedRange>
    ) throws(QueueError) -> BlockCommand {
        guard let header = chain.readable.load(as: BlockRequestHeader.self) else {
            throw .malformed("a block request without a header")
        }
        chain.readable.removeFirst(BlockRequestHeader.size)
        switch header.type {
        case BlockRequestHeader.RequestType.read:
            return transfer(.read, sector: header.sector, count: chain.writable.byteCount)
        case BlockRequestHeader.RequestType.write:
            if isReadOnly { return .refuse(.ioError) }
            return transfer(.write, sector: header.sector, count: chain.readable.byteCount)
        case BlockRequestHeader.RequestType.flush:
            return features.contains(BlockFeature.flush) ? .flush : .refuse(.unsupported)
        case BlockRequestHeader.RequestType.identify:
            return chain.writable.byteCount == BlockRequestHeader.identityLength ? .identify : .refuse(.ioError)
        case BlockRequestHeader.RequestType.discard where features.contains(BlockFeature.discard):
            return discard(&chain.readable, into: ranges)
        case BlockRequestHeader.RequestType.writeZeroes where features.contains(BlockFeature.writeZeroes):
            return writeZeroes(&chain.readable, into: ranges)
        default: return .refuse(.unsupported)
        }
    }

    private func transfer(_ operation: Operation, sector: UInt64, count: Int) -> BlockCommand {
        guard let offset = checkedOffset(sector: sector, count: UInt64(count)) else { return .refuse(.ioError) }
        return .transfer(operation, offset: offset, count: count)
    }

    /// virtio 1.3 §5.2.6.2: any flag of a range to discard is unknown.
    private func discard(
        _ list: inout SegmentList, into ranges: UnsafeMutablePointer<CheckedRange>
    ) -> BlockCommand {
        change(
            &list, into: ranges, limit: BlockLimits.discardRanges, sectorLimit: BlockLimits.discardSectors
        ) { flags in flags == 0 ? .discard : nil }
    }

    private func writeZeroes(
        _ list: inout SegmentList, into ranges: UnsafeMutablePointer<CheckedRange>
    ) -> BlockCommand {
        change(
            &list, into: ranges, limit: BlockLimits.writeZeroesRanges, sectorLimit: BlockLimits.writeZeroesSectors
        ) { flags in
            flags & ~BlockRange.unmap == 0 ? .writeZeroes(mayUnmap: flags & BlockRange.unmap != 0) : nil
        }
    }

    /// Reads ranges off the list, so that a request is refused before anything of it is done.
    ///
    /// - Parameter operation: what a range's flags ask for; nil for unknown flags.
    private func change(
        _ list: inout SegmentList, into ranges: UnsafeMutablePointer<CheckedRange>, limit: Int, sectorLimit: UInt32,
        _ operation: (UInt32) -> Operation?
    ) -> BlockCommand {
        let count = list.byteCount / BlockRange.size
        if isReadOnly { return .refuse(.ioError) }
        guard list.byteCount.isMultiple(of: BlockRange.size), (1...limit).contains(count) else {
            return .refuse(.ioError)
        }
        for index in 0..<count {
            guard let range = list.load(as: BlockRange.self) else { return .refuse(.ioError) }
            list.removeFirst(BlockRange.size)
            guard let operation = operation(range.flags) else { return .refuse(.unsupported) }
            let bytes = UInt64(range.sectorCount) * UInt64(TransferAlignment.sectorSize)
            guard range.sectorCount <= sectorLimit,
                let offset = checkedOffset(sector: range.sector, count: bytes)
            else { return .refuse(.ioError) }
            ranges[index] = CheckedRange(operation: operation, offset: offset, count: Int(bytes))
        }
        return .changeRanges(count: count)
    }

    /// - Returns: where the range begins, in bytes; nil when it is not all on the disk, or not of whole blocks.
    private func checkedOffset(sector: UInt64, count: UInt64) -> Int? {
        let (offset, overflow) = sector.multipliedReportingOverflow(by: UInt64(TransferAlignment.sectorSize))
        guard !overflow, offset <= capacity, count <= capacity - offset, offset.isMultiple(of: blockSize),
            count.isMultiple(of: blockSize)
        else { return nil }
        return Int(exactly: offset)
    }
}
