/// A file system in an image, and how a guest mounts it.
public struct FileSystemImage: Equatable, Sendable {
    public enum FileSystem: Equatable, Sendable {
        /// ext2, ext3 and ext4, all of which the kernel's ext4 driver mounts.
        case ext
        case squashfs
        case erofs
    }

    public let fileSystem: FileSystem
    /// Whether the file system was not unmounted after its last use, so that its journal has changes that must be
    /// written to the disk first.
    public let needsJournalRecovery: Bool

    public init(_ fileSystem: FileSystem, needsJournalRecovery: Bool = false) {
        self.fileSystem = fileSystem
        self.needsJournalRecovery = needsJournalRecovery
    }

    /// The type that mount(2) takes.
    public var mountType: String {
        switch fileSystem {
        case .ext: "ext4"
        case .squashfs: "squashfs"
        case .erofs: "erofs"
        }
    }

    /// Whether it can be mounted for writing where its disk can be written to.
    public var isWritable: Bool { fileSystem == .ext }

    /// The data that mount(2) takes, beside the flag `MS_RDONLY`; empty for none.
    ///
    /// The kernel replays a journal even when it mounts read-only, and fails where the disk does not let it
    /// (Linux `Documentation/admin-guide/ext4.rst`, `noload`).
    ///
    /// - Parameter readOnlyDisk: whether the guest cannot write to the disk.
    public func mountData(readOnlyDisk: Bool) -> String {
        needsJournalRecovery && readOnlyDisk ? "noload" : ""
    }

    /// Kernel modules that must be there, unless they are built in; what these depend on not among them.
    public var modules: [String] { [mountType] }

    /// Modules to be inserted before the others where the kernel has them: what a module asks the kernel for when
    /// it is used, rather than by `depends`.
    public var modulesIfThere: [String] { fileSystem == .ext ? ["crc32c_generic"] : [] }
}
