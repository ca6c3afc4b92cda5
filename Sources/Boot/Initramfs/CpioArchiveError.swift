/// Why something could not be put into a cpio archive.
public enum CpioArchiveError: Error, Equatable, CustomStringConvertible {
    /// Empty, absolute, too long, or with an empty component, `.`, `..` or a NUL in it.
    case unusablePath(String)
    /// Something of that name is in the archive already.
    case duplicate(String)
    /// What should be the member's directory is something else.
    case parentIsNoDirectory(path: String, parent: String)
    /// The link's target is empty, too long, or has a NUL in it.
    case unusableLinkTarget(path: String, target: String)
    /// The format has 32 bits for a file's size.
    case tooLarge(path: String, count: Int)

    public var description: String {
        switch self {
        case .unusablePath(let path):
            """
            '\(path)' cannot be a name in an initramfs: give a path relative to its root, \
            without '.', '..', empty parts or NUL, of at most 4095 bytes
            """
        case .duplicate(let path):
            "'\(path)' would be in the initramfs twice; leave one of them out"
        case .parentIsNoDirectory(let path, let parent):
            "'\(path)' cannot be put into the initramfs: '\(parent)' is there already and is not a directory"
        case .unusableLinkTarget(let path, let target):
            """
            the symbolic link '\(path)' cannot lead to '\(target)': \
            a target has 1 to 4095 bytes and no NUL
            """
        case .tooLarge(let path, let count):
            "'\(path)' has \(count) bytes; a file in an initramfs holds less than 4 GiB"
        }
    }
}
