import CLinux

extension KernelImage {
    private static let banner = Array("Linux version ".utf8)
    /// Bytes of the longest release (Linux `include/uapi/linux/utsname.h`).
    private static let longestRelease = 64

    /// The kernel's version, as `uname -r` has it; nil where it cannot be found.
    ///
    /// A bzImage has it in its header (Linux x86 boot protocol, `kernel_version`), an ELF file only in what it prints first.
    public var release: String? {
        switch content {
        case .bzImage: headerRelease
        case .elf: bannerRelease
        }
    }

    private var headerRelease: String? {
        guard let pointer = try? source.prefix(2, at: 0x20e), pointer.count == 2,
            let text = try? source.prefix(
                Self.longestRelease + 1, at: 0x200 + UInt64(Fields(pointer).read(0, as: UInt16.self)))
        else { return nil }
        return Self.release(at: text[...])
    }

    private var bannerRelease: String? {
        // So that none lies across the end of a part.
        let overlap = Self.banner.count + Self.longestRelease + 1
        let part = 256 << 10
        for start in stride(from: 0, to: source.count, by: part - overlap) {
            guard let bytes = try? source.prefix(part, at: start) else { return nil }
            var rest = bytes[...]
            while let match = Self.firstMatch(in: rest) {
                rest = rest[match...]
                if let release = Self.release(at: rest) { return release }
            }
        }
        return nil
    }

    /// - Returns: the index after the banner's first occurrence.
    private static func firstMatch(in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress, let match = memmem(start, buffer.count, banner, banner.count) else {
                return nil
            }
            return bytes.startIndex + (UnsafeRawPointer(match) - start) + banner.count
        }
    }

    /// The first word of `bytes`, if it looks like a version and its end is there.
    private static func release(at bytes: ArraySlice<UInt8>) -> String? {
        let word = bytes.prefix(longestRelease + 1).prefix { (0x21...0x7e).contains($0) }
        guard let first = word.first, (0x30...0x39).contains(first), word.count <= longestRelease,
            word.endIndex < bytes.endIndex
        else { return nil }
        return String(decoding: word, as: UTF8.self)
    }
}
