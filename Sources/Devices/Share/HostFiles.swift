import CLinux
import Glibc
import Linux
import SystemPackage

/// How files of a share are reached on the host: each name in the directory that it is in, and each file that is there by
/// its own descriptor.
struct HostFiles: Sendable {
    /// This process's `/proc/self/fd`, where a file has a path that leads to it and nowhere else, whatever became of its names.
    private let descriptors: SharedDescriptor

    /// - Throws: where `/proc` is not mounted.
    init() throws(SystemCallError) {
        descriptors = SharedDescriptor(try OwnedDescriptor.open("/proc/self/fd", O_PATH | O_DIRECTORY))
    }

    /// What no name may do: lead out of its directory or through a symbolic link.
    private static let resolution = UInt64(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

    /// The file of that name, symbolic links included, without opening it (`O_PATH`).
    ///
    /// - Throws: `ENOENT` also where a file system is mounted that a guest is not to see, so that it can have a directory of
    ///   its own there, in a layer above.
    static func find(_ name: FileName, in directory: SharedDescriptor) throws(Errno) -> SharedDescriptor {
        do throws(Errno) {
            return try findInPlace(name, in: directory)
        } catch {
            guard error == .improperLink else { throw error }
        }
        let descriptor = try open(name.bytes, in: directory, O_PATH | O_NOFOLLOW)
        guard try MountedFileSystem.isShared(descriptor) else { throw .noSuchFileOrDirectory }
        let mount = try MountedFileSystem.number(of: descriptor)
        return SharedDescriptor(descriptor, mount: mount)
    }

    /// The same, of the directory's own file system.
    ///
    /// - Throws: `EXDEV` where another one is mounted.
    static func findInPlace(_ name: FileName, in directory: SharedDescriptor) throws(Errno) -> SharedDescriptor {
        let descriptor = try open(name.bytes, in: directory, O_PATH | O_NOFOLLOW, UInt64(RESOLVE_NO_XDEV))
        return SharedDescriptor(descriptor, mount: directory.mount)
    }

    /// A new file.
    ///
    /// - Throws: `EEXIST` where there is one, of whatever kind.
    static func create(
        _ name: FileName, in directory: SharedDescriptor, _ flags: CInt, mode: mode_t
    ) throws(Errno) -> SharedDescriptor {
        let descriptor = try open(
            name.bytes, in: directory, flags | O_CREAT | O_EXCL | O_NOFOLLOW, UInt64(RESOLVE_NO_XDEV), mode: mode)
        return SharedDescriptor(descriptor, mount: directory.mount)
    }

    private static func open(
        _ name: [CChar], in directory: SharedDescriptor, _ flags: CInt, _ restriction: UInt64 = 0, mode: mode_t = 0
    ) throws(Errno) -> OwnedDescriptor {
        let descriptor = try hostCall {
            open_beneath(
                directory.rawValue, name, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), UInt64(mode),
                resolution | restriction)
        }
        return OwnedDescriptor(adopting: descriptor)
    }

    /// Whether the kernel can do all this, which it can since Linux 5.6.
    static func check(_ directory: SharedDescriptor) throws(Errno) {
        _ = try open([CChar(bitPattern: UInt8(ascii: ".")), 0], in: directory, O_PATH)
    }

    /// Opens the very file that a descriptor is for. The caller has seen that it is a regular file or a directory: opening a
    /// device would have effects, and opening a FIFO would wait.
    ///
    /// - Parameter mount: which it is known by, where it is to be looked up by what is returned.
    func reopen(_ file: SharedDescriptor, _ flags: CInt, mount: UInt64 = 0) throws(Errno) -> SharedDescriptor {
        let name = "\(file.rawValue)"
        let descriptor = try hostCall { openat(descriptors.rawValue, name, flags | O_CLOEXEC) }
        return SharedDescriptor(OwnedDescriptor(adopting: descriptor), mount: mount)
    }

    func changeMode(of file: SharedDescriptor, to mode: mode_t) throws(Errno) {
        let name = "\(file.rawValue)"
        try hostCall { fchmodat(descriptors.rawValue, name, mode, 0) }
    }

    func checkAccess(to file: SharedDescriptor, _ mask: CInt) throws(Errno) {
        let name = "\(file.rawValue)"
        try hostCall { faccessat(descriptors.rawValue, name, mask, AT_EACCESS) }
    }

    /// Gives a file another name.
    func link(_ file: SharedDescriptor, in directory: SharedDescriptor, _ name: FileName) throws(Errno) {
        let old = "\(file.rawValue)"
        try hostCall { linkat(descriptors.rawValue, old, directory.rawValue, name.bytes, AT_SYMLINK_FOLLOW) }
    }
}
