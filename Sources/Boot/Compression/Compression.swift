/// The compressed formats in which kernels and their modules come.
public enum Compression: String, CaseIterable, Sendable {
    /// RFC 1952.
    case gzip
    /// The .xz file format 1.1, including the branch filters that kernels are packed with.
    case xz
    /// LZ4's old frame format without sizes or checksums, which is what the kernel's build makes (`lz4 -l`).
    case lz4Legacy = "lz4"
    /// RFC 8878.
    case zstd

    /// What follows the compressed stream.
    public enum Trailer: Sendable {
        /// Nothing may follow.
        case refused
        /// Anything may follow and is not looked at.
        case ignored
    }

    /// Enough bytes from a stream's start for `detect`.
    public static let magicCount = 6

    /// The bytes that every stream of this format begins with.
    var magic: [UInt8] {
        switch self {
        case .gzip: [0x1f, 0x8b, 0x08]
        case .xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
        case .lz4Legacy: [0x02, 0x21, 0x4c, 0x18]
        case .zstd: [0x28, 0xb5, 0x2f, 0xfd]
        }
    }

    /// The format that `bytes` begin like.
    public static func detect(_ bytes: UnsafeRawBufferPointer) -> Compression? {
        allCases.first { bytes.starts(with: $0.magic) }
    }

    /// Decompresses the one stream in `source`, whatever its format, when the size of the outcome is not known.
    ///
    /// - Parameter limit: bytes; a stream that holds more fails.
    public static func decompress(
        _ source: UnsafeRawBufferPointer, limit: Int, trailer: Trailer = .refused
    ) throws(DecompressionError) -> [UInt8] {
        guard let format = detect(source) else { throw .unknownFormat }
        return try format.decompress(source, limit: limit, trailer: trailer)
    }

    /// Decompresses the one stream in `source` when the size of the outcome is not known.
    ///
    /// - Parameter limit: bytes; a stream that holds more fails.
    public func decompress(
        _ source: UnsafeRawBufferPointer, limit: Int, trailer: Trailer = .refused
    ) throws(DecompressionError) -> [UInt8] {
        var output = DecompressionOutput(growingTo: limit, sourceCount: source.count)
        try decompress(source, into: &output, trailer)
        return output.copyOfBytes()
    }

    /// Decompresses the one stream in `source` into `destination`, whose size is the limit.
    ///
    /// - Returns: the number of bytes made, from the start of `destination`.
    public func decompress(
        _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer,
        trailer: Trailer = .refused
    ) throws(DecompressionError) -> Int {
        var output = DecompressionOutput(filling: destination)
        try decompress(source, into: &output, trailer)
        return output.count
    }

    private func decompress(
        _ source: UnsafeRawBufferPointer, into output: inout DecompressionOutput, _ trailer: Trailer
    ) throws(DecompressionError) {
        guard source.starts(with: magic) else {
            throw magic.starts(with: source) ? .truncated(self) : .damaged(self)
        }
        let consumed =
            switch self {
            case .gzip: try decompressGzip(source, into: &output)
            case .xz: try decompressXZ(source, into: &output)
            case .lz4Legacy: try decompressLZ4Legacy(source, into: &output, trailer)
            case .zstd: try decompressZstd(source, into: &output)
            }
        if trailer == .refused, consumed < source.count {
            throw .trailingBytes(self, count: source.count - consumed)
        }
    }
}
