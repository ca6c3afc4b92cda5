import CLinux
import Glibc
import Linux
import SystemPackage

/// A descriptor that stays open as long as anybody uses it: whoever closes it for others only lets go of it.
final class SharedDescriptor: Sendable {
    private let descriptor: OwnedDescriptor

    init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    var rawValue: CInt { descriptor.rawValue }

    func status() throws(Errno) -> stat {
        var status = stat()
        try hostCall { fstat(rawValue, &status) }
        return status
    }
}

/// What tells one file of the host from all others as long as it exists, whatever its names.
struct FileIdentity: Hashable, Sendable {
    let device: dev_t
    let inode: ino_t
    /// Of `S_IFMT`: the number of a file that is gone may be given to one of another kind.
    let type: mode_t

    init(_ status: stat) {
        device = status.st_dev
        inode = status.st_ino
        type = status.st_mode & S_IFMT
    }

    var isDirectory: Bool { type == S_IFDIR }
}
