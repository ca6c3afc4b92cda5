import CLinux
import Linux
import Synchronization
import SystemPackage

/// A file or a directory that a guest has open.
final class OpenFile: Sendable {
    let descriptor: SharedDescriptor
    /// Who reads a directory's entries has it locked.
    let listing = Mutex(DirectoryPosition())

    init(_ descriptor: SharedDescriptor) {
        self.descriptor = descriptor
    }
}

/// How far a directory was read.
struct DirectoryPosition: Sendable {
    /// Where the guest was told to go on; nil where nobody knows where the descriptor is.
    var next: Int64? = 0
    /// What was read from there on and had no room in the reply. To read it again by seeking would miss some where a file
    /// system counts its entries, as tmpfs does, and the guest removes those that it was told of.
    var unread: ArraySlice<DirectoryRecord> = []
}

/// What a guest has open, by the numbers that it was told.
struct FileHandles: Sendable {
    private var files: [UInt64: OpenFile] = [:]
    private var next: UInt64 = 1
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { files.count }

    /// - Throws: `ENFILE` when the guest has too many open.
    mutating func insert(_ file: OpenFile) throws(Errno) -> UInt64 {
        guard files.count < limit else { throw .tooManyOpenFilesInSystem }
        defer { next &+= 1 }
        files[next] = file
        return next
    }

    mutating func remove(_ handle: UInt64) -> OpenFile? {
        files.removeValue(forKey: handle)
    }

    /// - Throws: `EBADF` for a number that nothing has.
    func file(_ handle: UInt64) throws(Errno) -> OpenFile {
        guard let file = files[handle] else { throw .badFileDescriptor }
        return file
    }
}
