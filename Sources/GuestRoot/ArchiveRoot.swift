import Archives
import Boot
import Linux

/// A tar archive as an initramfs: the archive's members below a directory.
///
/// Modes with setuid bits, owners, times in seconds, links and devices are kept; extended attributes and access control
/// lists are lost, as an initramfs has none. A later member replaces an earlier one of the same name.
public struct ArchiveRoot: ~Copyable {
    private let archive: String
    /// Where all members come to lie.
    private let directory: MemberPath
    private var tree: InitramfsTree

    /// Reads and unpacks an archive.
    ///
    /// The guest's memory has to hold the initramfs and what the kernel unpacks from it at the same time.
    ///
    /// - Parameters:
    ///   - archive: the path of a tar archive, compressed or not.
    ///   - directory: relative to the initramfs's root, such as `root`; it is made, and so are those that it is in.
    ///   - initramfs: a cpio archive that the kernel unpacks first.
    ///   - limit: bytes; a larger result is an error, for which each member counts a little more than its bytes.
    /// - Returns: an initramfs.
    public static func initramfs(
        of archive: String, below directory: String, after initramfs: [UInt8] = [], limit: Int
    ) throws(RootArchiveError) -> ByteSource {
        do throws(RootArchiveError.Problem) {
            return try unpack(archive, below: directory, after: initramfs, limit: limit)
        } catch .noRoom {
            let size = sum(UInt64(initramfs.count), size(of: archive))
            throw RootArchiveError(archive: archive, problem: .tooLarge(size))
        } catch {
            throw RootArchiveError(archive: archive, problem: error)
        }
    }

    private static func unpack(
        _ archive: String, below directory: String, after initramfs: [UInt8], limit: Int
    ) throws(RootArchiveError.Problem) -> ByteSource {
        let directory = try MemberPath(Array(directory.utf8))
        guard !directory.bytes.isEmpty else { throw .unsafePath([]) }
        var tree = try InitramfsTree(limit: limit)
        try tree.begin(with: initramfs)
        var root = ArchiveRoot(archive: archive, directory: directory, tree: tree)
        try root.unpack()
        return try root.tree.finished(name: archive)
    }

    /// What an archive's members take of an initramfs, in bytes, as far as it can be read; no more than what is too much for
    /// any guest is counted, as unpacking takes its time.
    private static func size(of archive: String) -> UInt64 {
        var size: UInt64 = 0
        guard let reader = try? ArchiveReader(path: archive) else { return size }
        while size < Self.largestCounted, let entry = try? reader.next() {
            size = sum(size, entry.size)
            size = sum(size, UInt64(InitramfsTree.memberCost + CpioHeader.count + entry.pathBytes.count))
        }
        return size
    }

    private static let largestCounted: UInt64 = 64 << 30

    /// At most `UInt64.max`, as sizes in an archive may be anything.
    private static func sum(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    private mutating func unpack() throws(RootArchiveError.Problem) {
        var header = CpioHeader()
        header.mode = CpioFileType.directory.rawValue | 0o755
        try tree.addDirectory(directory, header)
        let reader = try reading { [archive] () throws(ArchiveError) in try ArchiveReader(path: archive) }
        while let entry = try reading({ () throws(ArchiveError) in try reader.next() }) {
            guard reader.isTar else { throw .notTar }
            try add(entry, reader)
        }
    }

    private mutating func add(
        _ entry: ArchiveReader.Entry, _ reader: ArchiveReader
    ) throws(RootArchiveError.Problem) {
        let path = try MemberPath(entry.pathBytes, below: directory)
        switch entry.kind {
        case .file: try addFile(path, entry, reader)
        case .directory: try tree.addDirectory(path, header(entry, .directory))
        case .symbolicLink:
            guard (1...CpioHeader.longestPath).contains(entry.linkTarget.count) else {
                throw .unusableSymbolicLink(entry.pathBytes)
            }
            let header = try header(entry, .symbolicLink, size: UInt32(entry.linkTarget.count))
            try tree.add(path, header).copyBytes(from: entry.linkTarget)
        case .hardLink: try tree.addHardLink(path, to: MemberPath(entry.linkTarget, below: directory))
        case .characterDevice: try tree.add(path, header(entry, .characterDevice))
        case .blockDevice: try tree.add(path, header(entry, .blockDevice))
        case .fifo: try tree.add(path, header(entry, .fifo))
        case .other: throw .unknownKind(entry.pathBytes)
        }
    }

    private mutating func addFile(
        _ path: MemberPath, _ entry: ArchiveReader.Entry, _ reader: ArchiveReader
    ) throws(RootArchiveError.Problem) {
        guard let size = UInt32(exactly: entry.size) else { throw .fileTooLarge(entry.pathBytes, size: entry.size) }
        var rest = try tree.add(path, header(entry, .regular, size: size))
        while !rest.isEmpty {
            let count = try reading { () throws(ArchiveError) in try reader.read(into: rest) }
            // A sparse file may end with a hole, of which nothing is read: there are zeros already.
            if count == 0 { return }
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
        }
    }

    private func header(
        _ entry: ArchiveReader.Entry, _ type: CpioFileType, size: UInt32 = 0
    ) throws(RootArchiveError.Problem) -> CpioHeader {
        // All ones is no number, but means none.
        guard let user = UInt32(exactly: entry.user), user != .max, let group = UInt32(exactly: entry.group),
            group != .max, entry.device.major <= Self.largestMajor, entry.device.minor <= Self.largestMinor
        else { throw .numberTooLarge(entry.pathBytes) }
        var header = CpioHeader()
        header.mode = type.rawValue | UInt32(entry.mode)
        header.user = user
        header.group = group
        header.modified = UInt32(clamping: entry.modified)
        header.size = size
        if type == .characterDevice || type == .blockDevice {
            header.device = (UInt32(clamping: entry.device.major), UInt32(clamping: entry.device.minor))
        }
        return header
    }

    /// Linux `include/linux/kdev_t.h`: 12 bits, and 20.
    private static let largestMajor: UInt64 = 0xFFF
    private static let largestMinor: UInt64 = 0xF_FFFF

    private func reading<Result>(
        _ body: () throws(ArchiveError) -> Result
    ) throws(RootArchiveError.Problem) -> Result {
        do throws(ArchiveError) {
            return try body()
        } catch {
            throw .unreadable(error)
        }
    }
}
