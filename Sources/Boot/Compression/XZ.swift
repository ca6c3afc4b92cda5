import CLZMA

extension Compression {
    /// The most working memory of a decoder: the kernel's build uses dictionaries of up to 128 MiB.
    private static let xzMemoryLimit: UInt64 = 192 << 20

    /// - Returns: the bytes of `source` that the stream takes.
    func decompressXZ(
        _ source: UnsafeRawBufferPointer, into output: inout DecompressionOutput
    ) throws(DecompressionError) -> Int {
        var stream = lzma_stream()
        guard lzma_stream_decoder(&stream, Self.xzMemoryLimit, 0) == LZMA_OK else { throw .outOfMemory(self) }
        defer { lzma_end(&stream) }

        stream.next_in = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.avail_in = source.count
        while true {
            guard let room = output.room() else { throw .outOfMemory(self) }
            stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.avail_out = room.count
            let status = lzma_code(&stream, LZMA_FINISH)
            output.commit(room.count - stream.avail_out)
            switch status {
            case LZMA_OK: continue
            case LZMA_STREAM_END: return source.count - stream.avail_in
            // No progress: either side has run out.
            case LZMA_BUF_ERROR where stream.avail_in == 0: throw .truncated(self)
            case LZMA_BUF_ERROR: throw .tooLarge(self, limit: output.limit)
            case LZMA_MEM_ERROR, LZMA_MEMLIMIT_ERROR: throw .outOfMemory(self)
            default: throw .damaged(self)
            }
        }
    }
}
