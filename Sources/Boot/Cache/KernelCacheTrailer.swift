/// What stands at the very end of a cached kernel: since it is written last, it shows that the rest was written too.
enum KernelCacheTrailer {
    private static let magic = Array("swiftlet kernel\n".utf8)
    static let count: UInt64 = 24

    static func bytes(unpackedCount: Int) -> [UInt8] {
        magic + withUnsafeBytes(of: UInt64(unpackedCount).littleEndian) { [UInt8]($0) }
    }

    /// Whether `entry` is whole and one of ours.
    ///
    /// - Parameter entry: without the trailer, its tail.
    static func ends(_ entry: ByteSource) -> Bool {
        guard let expected = Int(exactly: entry.count).map({ bytes(unpackedCount: $0) }) else { return false }
        var found = [UInt8](repeating: 0, count: expected.count)
        var span = found.mutableSpan
        let isRead: Void? = try? span.withUnsafeMutableBytes { buffer throws(ByteSourceError) in
            try entry.read(into: buffer, at: entry.count)
        }
        return isRead != nil && found == expected
    }
}
