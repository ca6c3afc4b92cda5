import Glibc
import Linux

/// What is at a few places of a file or a block device, and the signs there of what it holds.
struct FileSigns {
    /// A place, and the bytes from there on, fewer at the file's end.
    private let parts: [(offset: Int, bytes: [UInt8])]

    /// - Parameter path: what errors call it.
    init(of file: borrowing OwnedDescriptor, _ path: String) throws(SystemCallError) {
        var parts: [(Int, [UInt8])] = []
        for (offset, count) in [(0, 4112), (ForeignFormat.isoOffset, 16), (ForeignFormat.btrfsOffset, 16)] {
            parts.append((offset, try Self.read(file.rawValue, at: offset, count, path)))
        }
        self.parts = parts
    }

    var isEmpty: Bool { parts.allSatisfy(\.bytes.isEmpty) }

    /// Whether there is a place for a superblock, and nothing there or before it.
    var isBlank: Bool { parts[0].bytes.count > 2048 && parts[0].bytes.allSatisfy { $0 == 0 } }

    /// Whether it is a tar archive that is not compressed, in POSIX's or GNU's format.
    var isTar: Bool { has(FileSign(257, "ustar")) }

    /// A file system that can be a root; nil for none.
    var image: FileSystemImage? {
        // Linux fs/ext4/ext4.h: the superblock is at 1024, s_magic at 0x38 of it and s_feature_incompat at 0x60.
        if number(UInt16.self, at: 1024 + 0x38) == 0xEF53, let incompatible = number(UInt32.self, at: 1024 + 0x60),
            incompatible & Self.journalDevice == 0
        {
            return FileSystemImage(.ext, needsJournalRecovery: incompatible & Self.recover != 0)
        }
        // Linux include/uapi/linux/magic.h: SQUASHFS_MAGIC, EROFS_SUPER_MAGIC_V1; erofs_fs.h: EROFS_SUPER_OFFSET.
        if number(UInt32.self, at: 0) == 0x7371_7368 { return FileSystemImage(.squashfs) }
        if number(UInt32.self, at: 1024) == 0xE0F5_E1E2 { return FileSystemImage(.erofs) }
        return nil
    }

    /// Bytes that the file system of `image` takes of its disk; nil for more than any disk has.
    var imageSize: UInt64? {
        switch image?.fileSystem {
        // Linux fs/ext4/ext4.h: s_blocks_count_lo at 4, s_log_block_size at 0x18, s_blocks_count_hi at 0x150.
        case .ext:
            let is64Bit = (number(UInt32.self, at: 1024 + 0x60) ?? 0) & Self.has64Bit != 0
            let high = is64Bit ? number(UInt32.self, at: 1024 + 0x150) ?? 0 : 0
            let blocks = UInt64(high) << 32 | UInt64(number(UInt32.self, at: 1024 + 4) ?? 0)
            return Self.size(blocks, ofBits: number(UInt32.self, at: 1024 + 0x18).map { UInt64($0) + 10 } ?? 0)
        // Linux fs/squashfs/squashfs_fs.h: bytes_used.
        case .squashfs: return number(UInt64.self, at: 40)
        // Linux fs/erofs/erofs_fs.h: blkszbits and blocks.
        case .erofs:
            let blocks = UInt64(number(UInt32.self, at: 1024 + 36) ?? 0)
            return Self.size(blocks, ofBits: number(UInt8.self, at: 1024 + 12).map { UInt64($0) } ?? 0)
        case nil: return nil
        }
    }

    private static func size(_ blocks: UInt64, ofBits bits: UInt64) -> UInt64? {
        guard bits < 32 else { return nil }
        let size = blocks.multipliedReportingOverflow(by: 1 << bits)
        return size.overflow ? nil : size.partialValue
    }

    /// The name that an ext file system has been given (`s_volume_name`), in bytes.
    var label: [UInt8] { bytes(at: 1024 + 0x78, 16).map { Array($0.prefix { $0 != 0 }) } ?? [] }

    /// `EXT4_FEATURE_INCOMPAT_64BIT`.
    private static let has64Bit: UInt32 = 0x80
    /// `EXT4_FEATURE_INCOMPAT_RECOVER`.
    private static let recover: UInt32 = 0x4
    /// `EXT4_FEATURE_INCOMPAT_JOURNAL_DEV`: this is the journal of a file system on another device.
    private static let journalDevice: UInt32 = 0x8

    /// A known format that cannot be a root; nil where nothing is known.
    var foreignFormat: ForeignFormat? {
        ForeignFormat.all.first { $0.signs.contains(where: has) }
    }

    private func has(_ sign: FileSign) -> Bool {
        bytes(at: sign.offset, sign.bytes.count)?.elementsEqual(sign.bytes) == true
    }

    private func number<Number: FixedWidthInteger>(_: Number.Type, at offset: Int) -> Number? {
        bytes(at: offset, MemoryLayout<Number>.size)?.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }

    private func bytes(at offset: Int, _ count: Int) -> ArraySlice<UInt8>? {
        for part in parts where offset >= part.offset && offset + count <= part.offset + part.bytes.count {
            return part.bytes[(offset - part.offset)...].prefix(count)
        }
        return nil
    }

    private static func read(
        _ file: CInt, at offset: Int, _ count: Int, _ path: String
    ) throws(SystemCallError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: count)
        while bytes.count < count {
            let part = try systemCall("pread", on: path) {
                pread(file, &buffer, count - bytes.count, off_t(offset + bytes.count))
            }
            if part == 0 { break }
            bytes += buffer[..<part]
        }
        return bytes
    }
}
