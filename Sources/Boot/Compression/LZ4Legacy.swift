import CLZ4

// The legacy frame (lz4 `doc/lz4_Frame_format.md`, "Legacy frame"): the magic, then blocks of a little-endian 32-bit
// length and that many bytes, each of which unpacks to 8 MiB, the last to less. Only the end of the data ends it.
extension Compression {
    private static let lz4BlockSize = 8 << 20
    /// LZ4_COMPRESSBOUND of a block: no compressor makes a longer one.
    private static let lz4BlockBound = lz4BlockSize + lz4BlockSize / 255 + 16

    /// - Parameter trailer: when ignored, a rest of at most 4 bytes or one with an impossible length ends the stream.
    /// - Returns: the bytes of `source` that the stream takes.
    func decompressLZ4Legacy(
        _ source: UnsafeRawBufferPointer, into output: inout DecompressionOutput, _ trailer: Trailer
    ) throws(DecompressionError) -> Int {
        var consumed = magic.count
        while consumed < source.count {
            let left = source.count - consumed
            if trailer == .ignored, left <= 4 { return consumed }
            guard left >= 4 else { throw .truncated(self) }
            let length = UInt32(littleEndian: source.loadUnaligned(fromByteOffset: consumed, as: UInt32.self))
            guard length <= Self.lz4BlockBound else {
                if trailer == .ignored { return consumed }
                throw .damaged(self)
            }
            guard Int(length) <= left - 4 else { throw .truncated(self) }
            let block = UnsafeRawBufferPointer(rebasing: source[(consumed + 4)...].prefix(Int(length)))
            try decompressLZ4Block(block, into: &output)
            consumed += 4 + block.count
        }
        return consumed
    }

    private func decompressLZ4Block(
        _ block: UnsafeRawBufferPointer, into output: inout DecompressionOutput
    ) throws(DecompressionError) {
        guard let room = output.room(atLeast: Self.lz4BlockSize) else { throw .outOfMemory(self) }
        if let made = unpackLZ4(block, into: room) { return output.commit(made) }
        guard room.count < Self.lz4BlockSize else { throw .damaged(self) }
        // The library does not say whether the block is damaged or the room too small for it.
        let whole = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.lz4BlockSize, alignment: 16)
        defer { whole.deallocate() }
        if unpackLZ4(block, into: whole) != nil { throw .tooLarge(self, limit: output.limit) }
        throw .damaged(self)
    }

    private func unpackLZ4(_ block: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> Int? {
        let made = LZ4_decompress_safe(
            block.baseAddress?.assumingMemoryBound(to: CChar.self),
            room.baseAddress?.assumingMemoryBound(to: CChar.self),
            CInt(block.count), CInt(min(room.count, Self.lz4BlockSize)))
        return made < 0 ? nil : Int(made)
    }
}
