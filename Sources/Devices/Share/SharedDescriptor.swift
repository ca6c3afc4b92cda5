import CLinux
import Glibc
import Linux
import SystemPackage

/// A descriptor that stays open as long as anybody uses it: whoever closes it for others only lets go of it.
final class SharedDescriptor: Sendable {
    private let descriptor: OwnedDescriptor
    /// The mount below the shared directory through which the file was found; 0 for none.
    let mount: UInt64

    init(_ descriptor: consuming OwnedDescriptor, mount: UInt64 = 0) {
        self.descriptor = descriptor
        self.mount = mount
    }

    var rawValue: CInt { descriptor.rawValue }

    func status() throws(Errno) -> stat {
        var status = stat()
        try hostCall { fstat(rawValue, &status) }
        return status
    }

    func identity() throws(Errno) -> FileIdentity { FileIdentity(try status(), mount: mount) }
}

/// What tells one file of the host from all others as long as it exists, whatever its names. What is mounted in several places is
/// different files in each: a guest's kernel has every directory in one place only.
struct FileIdentity: Hashable, Sendable {
    let device: dev_t
    let inode: ino_t
    /// Of `S_IFMT`: the number of a file that is gone may be given to one of another kind.
    let type: mode_t
    /// As in `SharedDescriptor`.
    let mount: UInt64

    init(_ status: stat, mount: UInt64) {
        device = status.st_dev
        inode = status.st_ino
        type = status.st_mode & S_IFMT
        self.mount = mount
    }

    var isDirectory: Bool { type == S_IFDIR }
}
