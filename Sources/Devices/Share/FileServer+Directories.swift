import CLinux
import SystemPackage

/// What directories hold.
extension FileServer {
    /// Bytes of entries that are read at a time: room for a dozen of the longest.
    private static let directoryChunk = 4096

    func openDirectory(_ node: UInt64) throws(Errno) -> FileReply {
        let target = try descriptor(of: node)
        guard try target.identity().isDirectory else { throw .notDirectory }
        let handle = try insert(try host.reopen(target, O_RDONLY | O_DIRECTORY))
        return .value(fuse_open_out(fh: handle, open_flags: 0, padding: 0))
    }

    /// - Parameters:
    ///   - room: for the reply.
    ///   - withAttributes: whether the guest gets to know the files themselves as well (`READDIRPLUS`).
    func list(
        _ node: UInt64, _ parameters: fuse_read_in, room: Int, withAttributes: Bool
    ) throws(Errno) -> FileReply {
        let directory = try file(parameters.fh)
        let device = try directory.descriptor.status().st_dev
        let offset = Int64(bitPattern: parameters.offset)
        var listing = DirectoryListing(
            limit: min(Int(parameters.size), room, FUSESizes.largestListing), withAttributes: withAttributes)
        let result: Result<Void, Errno> = directory.listing.withLock { position in
            do throws(Errno) {
                try seek(&position, of: directory, to: offset)
                repeat {
                    try fill(&position, of: directory)
                    if position.unread.isEmpty { return .success(()) }
                    while let record = position.unread.first, listing.hasRoom(for: record.name.count) {
                        listing.append(
                            record, inode: inodeNumber(record.inode, on: device),
                            withAttributes ? known(record, in: node) : fuse_entry_out())
                        position.unread.removeFirst()
                        position.next = record.next
                    }
                } while position.unread.isEmpty
                // Where there is no room for even one, the guest would take an empty reply for the end.
                return listing.bytes.isEmpty ? .failure(.invalidArgument) : .success(())
            } catch {
                position = DirectoryPosition(next: nil)
                // It comes again when the guest goes on.
                return listing.bytes.isEmpty ? .failure(error) : .success(())
            }
        }
        try result.get()
        return .bytes(listing.bytes)
    }

    private func seek(
        _ position: inout DirectoryPosition, of directory: OpenFile, to offset: Int64
    ) throws(Errno) {
        guard position.next != offset else { return }
        position = DirectoryPosition(next: nil)
        try hostCall { lseek(directory.descriptor.rawValue, Int(offset), SEEK_SET) }
        position.next = offset
    }

    /// Reads some entries, where those that were read before are used up; there are none at the end.
    private func fill(_ position: inout DirectoryPosition, of directory: OpenFile) throws(Errno) {
        guard position.unread.isEmpty else { return }
        position.unread = []
        // What the guest leaves unread is kept for every directory that it has open.
        var buffer = [UInt8](repeating: 0, count: Self.directoryChunk)
        let count = try hostCall { directory_entries(directory.descriptor.rawValue, &buffer, buffer.count) }
        position.unread = DirectoryRecord.records(in: buffer[..<count])[...]
    }

    /// What a guest is told of a name that it did not look up; nothing of a file that cannot be reached, nor of a mounted file
    /// system, which might let the others wait.
    private func known(_ record: DirectoryRecord, in node: UInt64) -> fuse_entry_out {
        guard !FileName.isDots(record.name), let name = try? FileName(record.name),
            let directory = try? descriptor(of: node), let file = try? HostFiles.findInPlace(name, in: directory),
            let entry = try? entry(name, in: node, file)
        else { return fuse_entry_out() }
        return entry
    }
}

/// An entry of a directory as getdents64(2) has it.
struct DirectoryRecord: Sendable {
    let inode: UInt64
    /// Where the next entry is, in terms of the directory.
    let next: Int64
    /// As `d_type`.
    let type: UInt8
    let name: ArraySlice<UInt8>

    private static let nameOffset = 19

    static func records(in bytes: ArraySlice<UInt8>) -> [DirectoryRecord] {
        var records: [DirectoryRecord] = []
        var rest = bytes
        while rest.count > nameOffset {
            let (inode, next, length) = rest.withUnsafeBytes { bytes in
                (
                    bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self),
                    Int(bytes.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
                )
            }
            guard length > nameOffset, length <= rest.count else { break }
            let type = rest[rest.startIndex + 18]
            let name = rest.prefix(length).dropFirst(nameOffset).prefix { $0 != 0 }
            records.append(DirectoryRecord(inode: inode, next: next, type: type, name: name))
            rest = rest.dropFirst(length)
        }
        return records
    }
}

/// A reply to `READDIR` or `READDIRPLUS`.
struct DirectoryListing {
    private(set) var bytes: [UInt8] = []
    let limit: Int
    private let withAttributes: Bool

    init(limit: Int, withAttributes: Bool) {
        self.limit = limit
        self.withAttributes = withAttributes
    }

    private var headSize: Int { (withAttributes ? MemoryLayout<fuse_entry_out>.size : 0) + FUSESizes.directoryEntry }

    func hasRoom(for nameLength: Int) -> Bool {
        let size = headSize + nameLength
        let padding = -size & (FUSESizes.entryAlignment - 1)
        return bytes.count + size + padding <= limit
    }

    mutating func append(_ record: DirectoryRecord, inode: UInt64, _ entry: fuse_entry_out) {
        if withAttributes { append(entry) }
        append(inode)
        append(record.next)
        append(UInt32(clamping: record.name.count))
        append(UInt32(record.type))
        bytes += record.name
        bytes += [UInt8](repeating: 0, count: -bytes.count & (FUSESizes.entryAlignment - 1))
    }

    private mutating func append(_ value: some BitwiseCopyable) {
        withUnsafeBytes(of: value) { bytes += $0 }
    }
}
