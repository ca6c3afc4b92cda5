import Boot
import Testing

@Suite struct CompressionTests {
    /// Decompresses into growing memory.
    private func grow(
        _ bytes: [UInt8], limit: Int, trailer: Compression.Trailer = .refused
    ) -> Result<[UInt8], DecompressionError> {
        bytes.withUnsafeBytes { source in
            Result { () throws(DecompressionError) in
                try Compression.decompress(source, limit: limit, trailer: trailer)
            }
        }
    }

    /// Decompresses into a buffer of `size` bytes, and checks that nothing is written beyond it.
    private func fill(
        _ bytes: [UInt8], _ format: Compression, size: Int, trailer: Compression.Trailer = .refused
    ) -> Result<[UInt8], DecompressionError> {
        var buffer = [UInt8](repeating: 0xa5, count: size + 32)
        let result = bytes.withUnsafeBytes { source in
            buffer.withUnsafeMutableBytes { buffer in
                Result { () throws(DecompressionError) in
                    try format.decompress(
                        source, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<size]), trailer: trailer)
                }
            }
        }
        #expect(buffer.suffix(32).allSatisfy { $0 == 0xa5 })
        return result.map { Array(buffer.prefix($0)) }
    }

    @Test(arguments: Compression.allCases, [0, 1, 100_000, 9 << 20])
    func whatWasCompressedComesBack(format: Compression, count: Int) {
        let bytes = sampleBytes(count: count)
        let packed = Compressors.compress(bytes, format)
        #expect(packed.withUnsafeBytes { Compression.detect($0) } == format)
        #expect(grow(packed, limit: 16 << 20) == .success(bytes))
        #expect(grow(packed, limit: count) == .success(bytes))
        #expect(fill(packed, format, size: count) == .success(bytes))
        #expect(fill(packed, format, size: count + 5000) == .success(bytes))
    }

    @Test(arguments: Compression.allCases)
    func aStreamOverTheLimitIsTooLarge(format: Compression) {
        let packed = Compressors.compress(sampleBytes(count: 300_000), format)
        for limit in [0, 1, 100_000, 299_999] {
            #expect(grow(packed, limit: limit) == .failure(.tooLarge(format, limit: limit)))
            #expect(fill(packed, format, size: limit) == .failure(.tooLarge(format, limit: limit)))
        }
    }

    @Test(arguments: Compression.allCases)
    func aStreamCutShortIsAnError(format: Compression) {
        let bytes = sampleBytes(count: 50_000)
        let packed = Compressors.compress(bytes, format)
        for count in Array(0..<64) + Array(stride(from: 64, to: packed.count, by: 997)) + [packed.count - 1] {
            let cut = Array(packed.prefix(count))
            if format == .lz4Legacy, count == 4 { continue }  // The format's empty stream.
            let expected = DecompressionError.truncated(format)
            let grown = grow(cut, limit: 60_000)
            #expect(count >= Compression.magicCount ? grown == .failure(expected) : (try? grown.get()) == nil)
            #expect(fill(cut, format, size: 60_000) == .failure(expected), "\(count) bytes")
        }
    }

    @Test(
        arguments: Compression.allCases, [[0x70, 0x11, 0x01, 0x00], [UInt8](repeating: 0xff, count: 12)] as [[UInt8]])
    func whatFollowsIsRefusedOrIgnored(format: Compression, rest: [UInt8]) {
        let bytes = sampleBytes(count: 70_000)
        let packed = Compressors.compress(bytes, format) + rest
        #expect(grow(packed, limit: 1 << 20, trailer: .ignored) == .success(bytes))
        #expect(fill(packed, format, size: 70_000, trailer: .ignored) == .success(bytes))
        // In LZ4's legacy format the first four bytes are the length of another block, here one that can be or not.
        let expected: DecompressionError =
            switch (format, rest.count) {
            case (.lz4Legacy, 4): .truncated(format)
            case (.lz4Legacy, _): .damaged(format)
            default: .trailingBytes(format, count: rest.count)
            }
        #expect(grow(packed, limit: 1 << 20) == .failure(expected))
        #expect(fill(packed, format, size: 70_000) == .failure(expected))
    }

    @Test(arguments: Compression.allCases)
    func damageIsAnErrorOrOtherBytesWithinTheLimit(format: Compression) {
        let limit = 100_000
        let packed = Compressors.compress(sampleBytes(count: 90_000), format)
        var random = SplitMix(state: 42)
        var failures = 0
        for round in 0..<600 {
            var damaged = packed
            let index = round < 64 ? round : Int.random(in: 0..<packed.count, using: &random)
            damaged[index] ^= UInt8.random(in: 1...255, using: &random)
            if case .failure = fill(damaged, format, size: limit) { failures += 1 }
            if case .success(let bytes) = grow(damaged, limit: limit) { #expect(bytes.count <= limit) }
        }
        // All but LZ4's legacy format carry a checksum.
        #expect(failures > (format == .lz4Legacy ? 20 : 580))
    }

    @Test(arguments: [[], [0x1f], Array("hello, world".utf8), [0x04, 0x22, 0x4d, 0x18, 0, 0, 0, 0]] as [[UInt8]])
    func otherDataIsOfUnknownFormat(bytes: [UInt8]) {
        #expect(grow(bytes, limit: 100) == .failure(.unknownFormat))
    }
}
