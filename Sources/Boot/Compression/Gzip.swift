import CZlib

extension Compression {
    /// - Returns: the bytes of `source` that the stream takes.
    func decompressGzip(
        _ source: UnsafeRawBufferPointer, into output: inout DecompressionOutput
    ) throws(DecompressionError) -> Int {
        var stream = z_stream()
        // A window of 32 KiB, the format's largest; 16 asks for gzip's header and trailer (zlib.h, inflateInit2).
        let status = inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw .outOfMemory(self) }
        defer { inflateEnd(&stream) }

        var consumed = 0
        while true {
            guard let room = output.room() else { throw .outOfMemory(self) }
            let input = UnsafeRawBufferPointer(rebasing: source[consumed...])
            let inputCount = UInt32(clamping: input.count)
            let roomCount = UInt32(clamping: room.count)
            // zlib's declaration has no const here, but it only reads.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.avail_in = inputCount
            stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.avail_out = roomCount
            let status = inflate(&stream, Z_NO_FLUSH)
            consumed += Int(inputCount - stream.avail_in)
            output.commit(Int(roomCount - stream.avail_out))
            switch status {
            case Z_OK: continue
            case Z_STREAM_END: return consumed
            // No progress: either side has run out.
            case Z_BUF_ERROR where consumed == source.count: throw .truncated(self)
            case Z_BUF_ERROR: throw .tooLarge(self, limit: output.limit)
            case Z_MEM_ERROR: throw .outOfMemory(self)
            default: throw .damaged(self)
            }
        }
    }
}
