/// Why compressed data could not be decompressed.
public enum DecompressionError: Error, Equatable, CustomStringConvertible {
    /// The data does not begin like any known format.
    case unknownFormat
    /// The stream goes on beyond the data.
    case truncated(Compression)
    /// The stream is not what a compressor makes.
    case damaged(Compression)
    /// The stream holds more than `limit` bytes.
    case tooLarge(Compression, limit: Int)
    /// Data goes on after the stream.
    case trailingBytes(Compression, count: Int)
    /// The stream needs more working memory than is allowed, or than the host has.
    case outOfMemory(Compression)

    public var description: String {
        switch self {
        case .unknownFormat: "not compressed with gzip, xz, lz4 (legacy format) or zstd"
        case .truncated(let format): "the \(format.rawValue) data is cut short"
        case .damaged(let format): "the \(format.rawValue) data is damaged"
        case .tooLarge(let format, let limit): "the \(format.rawValue) data holds more than \(limit) bytes"
        case .trailingBytes(let format, let count):
            "\(count) bytes of something else follow the \(format.rawValue) data"
        case .outOfMemory(let format): "the \(format.rawValue) data needs too much memory to decompress"
        }
    }
}
