import CZstd

extension Compression {
    /// - Returns: the bytes of `source` that the first frame takes.
    func decompressZstd(
        _ source: UnsafeRawBufferPointer, into output: inout DecompressionOutput
    ) throws(DecompressionError) -> Int {
        guard let context = ZSTD_createDCtx() else { throw .outOfMemory(self) }
        defer { ZSTD_freeDCtx(context) }
        if output.isGrowing { return try streamZstd(source, into: &output, context) }

        // In one go the output serves as the window, which saves a copy of everything.
        let frameCount = try checked(ZSTD_findFrameCompressedSize(source.baseAddress, source.count), output.limit)
        guard let room = output.room() else { throw .outOfMemory(self) }
        let made = ZSTD_decompressDCtx(context, room.baseAddress, room.count, source.baseAddress, frameCount)
        output.commit(try checked(made, output.limit))
        return frameCount
    }

    private func streamZstd(
        _ source: UnsafeRawBufferPointer, into output: inout DecompressionOutput, _ context: OpaquePointer
    ) throws(DecompressionError) -> Int {
        var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        while true {
            guard let room = output.room() else { throw .outOfMemory(self) }
            var buffer = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
            // The library refuses windows over 128 MiB (ZSTD_WINDOWLOG_LIMIT_DEFAULT).
            let rest = try checked(ZSTD_decompressStream(context, &buffer, &input), output.limit)
            output.commit(buffer.pos)
            if rest == 0 { return input.pos }
            // With room left over, all that the input has is out.
            if buffer.pos < buffer.size, input.pos == input.size { throw .truncated(self) }
            if output.count == output.limit, buffer.pos == 0 { throw .tooLarge(self, limit: output.limit) }
        }
    }

    /// - Returns: the result, unless it is an error's code.
    private func checked(_ result: Int, _ limit: Int) throws(DecompressionError) -> Int {
        guard ZSTD_isError(result) != 0 else { return result }
        switch ZSTD_getErrorCode(result) {
        case ZSTD_error_srcSize_wrong: throw .truncated(self)
        case ZSTD_error_dstSize_tooSmall, ZSTD_error_noForwardProgress_destFull: throw .tooLarge(self, limit: limit)
        case ZSTD_error_memory_allocation, ZSTD_error_frameParameter_windowTooLarge: throw .outOfMemory(self)
        default: throw .damaged(self)
        }
    }
}
