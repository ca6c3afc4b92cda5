import Boot
import CLZ4
import CLZMA
import CZlib
import CZstd

/// The libraries' own compressors, as the kernel's build uses them.
enum Compressors {
    static func compress(_ bytes: [UInt8], _ format: Compression) -> [UInt8] {
        switch format {
        case .gzip: gzip(bytes)
        case .xz: xz(bytes)
        case .lz4Legacy: lz4Legacy(bytes)
        case .zstd: zstd(bytes)
        }
    }

    static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        deflateInit2_(
            &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
        defer { deflateEnd(&stream) }
        var input = bytes
        return input.withUnsafeMutableBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: Int(deflateBound(&stream, UInt(input.count)))) { output, count in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                deflate(&stream, Z_FINISH)
                count = output.count - Int(stream.avail_out)
            }
        }
    }

    /// With the x86 branch filter in front of LZMA2.
    static func xz(_ bytes: [UInt8]) -> [UInt8] {
        let branchFilterX86: lzma_vli = 0x04
        let lzma2: lzma_vli = 0x21
        let end = lzma_vli.max
        var options = lzma_options_lzma()
        lzma_lzma_preset(&options, 2)
        return withUnsafeMutablePointer(to: &options) { options in
            var filters = [
                lzma_filter(id: branchFilterX86, options: nil), lzma_filter(id: lzma2, options: options),
                lzma_filter(id: end, options: nil),
            ]
            return [UInt8](unsafeUninitializedCapacity: lzma_stream_buffer_bound(bytes.count)) { output, count in
                _ = lzma_stream_buffer_encode(
                    &filters, LZMA_CHECK_CRC32, nil, bytes, bytes.count, output.baseAddress, &count, output.count)
            }
        }
    }

    static func lz4Legacy(_ bytes: [UInt8]) -> [UInt8] {
        let blockSize = 8 << 20
        var result: [UInt8] = [0x02, 0x21, 0x4c, 0x18]
        for start in stride(from: 0, to: bytes.count, by: blockSize) {
            let size = CInt(min(blockSize, bytes.count - start))
            var packed = [CChar](repeating: 0, count: Int(LZ4_compressBound(size)))
            let count = bytes.withUnsafeBytes { bytes in
                let block = bytes.baseAddress.map { ($0 + start).assumingMemoryBound(to: CChar.self) }
                return LZ4_compress_default(block, &packed, size, CInt(packed.count))
            }
            result += UInt32(count).littleEndianBytes
            packed.withUnsafeBytes { result += $0.prefix(Int(count)) }
        }
        return result
    }

    static func zstd(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(bytes.count)) { output, count in
            let context = ZSTD_createCCtx()
            defer { ZSTD_freeCCtx(context) }
            ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
            // The kernel's build compresses a pipe, so that the frame does not tell its size.
            ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0)
            count = ZSTD_compress2(context, output.baseAddress, output.count, bytes, bytes.count)
        }
    }
}

/// Reproducible bytes, some of which compress well and some not at all; they repeat after 256 KiB.
func sampleBytes(count: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = SplitMix(state: seed)
    var bytes: [UInt8] = []
    let period = min(count, 256 << 10)
    bytes.reserveCapacity(count + period + 64)
    while bytes.count < period {
        let value = random.next()
        switch value & 3 {
        case 0: withUnsafeBytes(of: value) { bytes += $0 }
        case 1: bytes += repeatElement(UInt8(truncatingIfNeeded: value >> 8), count: 40)
        default: bytes += [0xe8, UInt8(truncatingIfNeeded: value >> 8), 1, 0, 0, 0x48, 0x89, 0xc3]
        }
    }
    while bytes.count < count { bytes += bytes[..<period] }
    return Array(bytes.prefix(count))
}

/// Steele, Lea and Flood's SplitMix64: small, and the same everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
