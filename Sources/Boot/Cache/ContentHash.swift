import CNettle

/// The SHA-256 digest of some bytes, which stands for them as a file's name (FIPS 180-4).
struct ContentHash: Equatable {
    /// 64 lower-case hexadecimal digits.
    let name: String

    init(_ bytes: UnsafeRawBufferPointer) {
        var context = sha256_ctx()
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_SIZE))
        nettle_sha256_init(&context)
        nettle_sha256_update(&context, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        nettle_sha256_digest(&context, digest.count, &digest)
        name = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// - Returns: nil for what is not the name of a digest.
    init?(name: String) {
        let isHexadecimal = name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard name.utf8.count == 2 * Int(SHA256_DIGEST_SIZE), isHexadecimal else { return nil }
        self.name = name
    }
}
