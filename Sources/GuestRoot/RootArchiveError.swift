import Archives
import Linux

/// Why an archive cannot be unpacked as a root file system in the guest's memory.
public struct RootArchiveError: Error, Equatable, CustomStringConvertible {
    /// Paths are those of the archive's members, as it has them.
    public enum Problem: Error, Equatable, Sendable {
        case unreadable(ArchiveError)
        case system(SystemCallError)
        /// It is an archive of another format.
        case notTar
        /// There is no room for a member; what becomes of it is `tooLarge`.
        case noRoom
        /// There is no room for the initramfs that the archive would be, of so many bytes.
        case tooLarge(UInt64)
        /// There is `..` or NUL in it.
        case unsafePath([UInt8])
        case pathTooLong([UInt8])
        /// A directory of the path is something else in the archive, perhaps a symbolic link.
        case parentIsNoDirectory([UInt8], parent: [UInt8])
        /// Something else of that name would take the place of a directory.
        case replacesDirectory([UInt8])
        /// A hard link to what is not in the archive before it, or has been replaced since, or is a directory.
        case unusableHardLink([UInt8], target: [UInt8])
        case unusableSymbolicLink([UInt8])
        /// The format of an initramfs has 32 bits for a file's size.
        case fileTooLarge([UInt8], size: UInt64)
        /// A user, a group or a device that Linux cannot have.
        case numberTooLarge([UInt8])
        case unknownKind([UInt8])
    }

    /// The archive's path.
    public let archive: String
    public let problem: Problem

    public var description: String {
        switch problem {
        case .unreadable(let error): error.description
        case .system(let error): "\(archive): cannot be unpacked into memory: \(error)"
        case .notTar: "\(archive): is no tar archive; give one, or unpack it into a directory and give that"
        case .noRoom: "\(archive): there is no room for it in the guest's memory"
        case .tooLarge(let size):
            "\(archive): unpacked, it takes \(size >> 20) MiB, for which there is no room in the guest's memory"
        default: "\(archive): the member \(member)"
        }
    }

    private var member: String {
        func quoted(_ path: [UInt8]) -> String { "'\(String(decoding: path, as: UTF8.self))'" }
        return switch problem {
        case .unreadable, .system, .notTar, .noRoom, .tooLarge: ""
        case .unsafePath(let path):
            "\(quoted(path)) is refused, as it may lead out of the root; make the archive without '..' in its names"
        case .pathTooLong(let path):
            "\(quoted(path)) has a name that is too long for the guest: at most 255 bytes each and 4095 altogether"
        case .parentIsNoDirectory(let path, let parent):
            """
            \(quoted(path)) is refused: \(quoted(parent)), which should be its directory, is a link or another file in the \
            archive; give the member the path that it really has
            """
        case .replacesDirectory(let path):
            "\(quoted(path)) is refused: it would replace a directory; leave one of them out"
        case .unusableHardLink(let path, let target):
            """
            \(quoted(path)) is a hard link to \(quoted(target)), which the archive does not have as a file before it; \
            make the archive of the whole tree
            """
        case .unusableSymbolicLink(let path):
            "\(quoted(path)) is a symbolic link whose target is empty or has more than 4095 bytes; leave it out"
        case .fileTooLarge(let path, let size):
            """
            \(quoted(path)) has \(size) bytes, but a file in an initramfs holds less than 4 GiB; \
            put the files into a directory or an image and give that
            """
        case .numberTooLarge(let path):
            "\(quoted(path)) has a user, group or device whose number no Linux has; give it another"
        case .unknownKind(let path):
            """
            \(quoted(path)) is neither a file, directory or link nor a device or named pipe; \
            leave it out of the archive
            """
        }
    }
}
