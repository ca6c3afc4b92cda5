import CArchive
import Glibc

/// Reads an archive from its beginning to its end, by libarchive: tar of all dialects and ar, also compressed.
///
/// What comes out of it is only bytes and names, of which none has been checked.
public final class ArchiveReader {
    /// A member of an archive.
    public struct Entry: Equatable, Sendable {
        public enum Kind: Equatable, Sendable {
            case file
            case directory
            case symbolicLink
            /// Another name of an earlier member.
            case hardLink
            case characterDevice
            case blockDevice
            case fifo
            case other
        }

        /// The numbers of a device node.
        public struct Device: Equatable, Sendable {
            public let major: UInt64
            public let minor: UInt64
        }

        /// As the archive has it, `./` at its beginning included; what is not UTF-8 in it is replaced.
        public var path: String { String(decoding: pathBytes, as: UTF8.self) }
        /// The same in bytes, none of which is NUL.
        public let pathBytes: [UInt8]
        public let kind: Kind
        /// Bytes; 0 where the archive does not tell.
        public let size: UInt64
        /// Permission bits, up to 0o7777.
        public let mode: UInt16
        public let user: Int64
        public let group: Int64
        /// Seconds since 1970; 0 where the archive does not tell.
        public let modified: Int64
        /// Where a symbolic link leads to, or the path of the member that a hard link is another name of; empty for others.
        public let linkTarget: [UInt8]
        /// 0 and 0 for what is no device node.
        public let device: Device
    }

    private static let blockSize = 64 << 10

    private let name: String
    /// The archive that this one is a member of.
    private let outer: ArchiveReader?
    private let handle: OpaquePointer
    private let block: UnsafeMutableRawBufferPointer

    /// Opens an archive that is a file.
    public convenience init(path: String) throws(ArchiveError) {
        try self.init(name: path, outer: nil)
        try check(archive_read_open_filename(handle, path, Self.blockSize))
    }

    /// Opens the archive that is the present member of another, which must not go on before this one is done with.
    public convenience init(in outer: ArchiveReader, name: String) throws(ArchiveError) {
        try self.init(name: "\(outer.name): \(name)", outer: outer)
        let context = Unmanaged.passUnretained(self).toOpaque()
        try check(
            archive_read_open(
                handle, context, nil,
                { handle, context, buffer in
                    guard let handle, let context else { return la_ssize_t(ARCHIVE_FATAL) }
                    let reader = Unmanaged<ArchiveReader>.fromOpaque(context).takeUnretainedValue()
                    return reader.refill(handle, buffer)
                }, nil))
    }

    private init(name: String, outer: ArchiveReader?) throws(ArchiveError) {
        guard let handle = archive_read_new() else {
            throw ArchiveError(name: name, problem: "there is no memory for it")
        }
        self.name = name
        self.outer = outer
        self.handle = handle
        block = .allocate(byteCount: outer == nil ? 0 : Self.blockSize, alignment: 16)
        for support in [
            archive_read_support_format_tar, archive_read_support_format_ar, archive_read_support_filter_gzip,
            archive_read_support_filter_xz, archive_read_support_filter_zstd,
        ] {
            try check(support(handle))
        }
    }

    deinit {
        archive_read_free(handle)
        block.deallocate()
    }

    /// - Returns: the next member; nil after the last.
    public func next() throws(ArchiveError) -> Entry? {
        var entry: OpaquePointer?
        let result = archive_read_next_header(handle, &entry)
        if result == ARCHIVE_EOF { return nil }
        try check(result)
        guard let entry, let path = Self.bytes(entry, archive_entry_pathname, archive_entry_pathname_utf8) else {
            throw ArchiveError(name: name, problem: "a member has no name")
        }
        let hardLink = Self.bytes(entry, archive_entry_hardlink, archive_entry_hardlink_utf8)
        let symbolicLink = Self.bytes(entry, archive_entry_symlink, archive_entry_symlink_utf8)
        return Entry(
            pathBytes: path, kind: hardLink == nil ? Self.kind(entry) : .hardLink,
            size: UInt64(clamping: archive_entry_size(entry)),
            mode: UInt16(truncatingIfNeeded: archive_entry_perm(entry) & 0o7777), user: archive_entry_uid(entry),
            group: archive_entry_gid(entry), modified: Int64(archive_entry_mtime(entry)),
            linkTarget: hardLink ?? symbolicLink ?? [],
            device: Entry.Device(
                major: UInt64(archive_entry_rdevmajor(entry)), minor: UInt64(archive_entry_rdevminor(entry))))
    }

    /// Whether the member that `next()` returned is one of a tar archive.
    public var isTar: Bool {
        archive_format(handle) & ARCHIVE_FORMAT_BASE_MASK == ARCHIVE_FORMAT_TAR
    }

    private static func kind(_ entry: OpaquePointer) -> Entry.Kind {
        switch archive_entry_filetype(entry) {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .symbolicLink
        case S_IFCHR: .characterDevice
        case S_IFBLK: .blockDevice
        case S_IFIFO: .fifo
        default: .other
        }
    }

    /// - Returns: a name; nil where there is none.
    private static func bytes(
        _ entry: OpaquePointer, _ asItIs: (OpaquePointer) -> UnsafePointer<CChar>?,
        _ inUTF8: (OpaquePointer) -> UnsafePointer<CChar>?
    ) -> [UInt8]? {
        // A name that this process's locale cannot have may still be had in UTF-8.
        guard let text = asItIs(entry) ?? inUTF8(entry) else { return nil }
        return UnsafeRawBufferPointer(start: text, count: strlen(text)).map { $0 }
    }

    /// Reads more of the present member.
    ///
    /// - Returns: how many bytes there are now in `buffer`; 0 at the member's end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int {
        let count = archive_read_data(handle, buffer.baseAddress, buffer.count)
        guard count >= 0 else { throw failure }
        return count
    }

    /// Called for more of what is in the outer archive.
    private func refill(_ handle: OpaquePointer, _ buffer: UnsafeMutablePointer<UnsafeRawPointer?>?) -> la_ssize_t {
        guard let outer else { return la_ssize_t(ARCHIVE_FATAL) }
        do {
            let count = try outer.read(into: block)
            buffer?.pointee = UnsafeRawPointer(block.baseAddress)
            return la_ssize_t(count)
        } catch {
            archive_set_error_message(handle, error.problem)
            return la_ssize_t(ARCHIVE_FATAL)
        }
    }

    /// Warnings are about attributes that nobody asks for here, and names in another character set than the locale's.
    private func check(_ result: CInt) throws(ArchiveError) {
        if result != ARCHIVE_OK && result != ARCHIVE_WARN { throw failure }
    }

    private var failure: ArchiveError {
        ArchiveError(
            name: name, problem: archive_error_string(handle).map { String(cString: $0) } ?? "it cannot be read")
    }
}
