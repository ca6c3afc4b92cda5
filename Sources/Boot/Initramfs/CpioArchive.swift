/// A cpio archive in the "newc" format, which is what the kernel unpacks as its initramfs
/// (Linux `Documentation/driver-api/early-userspace/buffer-format.rst`).
///
/// The same calls make the same bytes: owner and times are 0, and the members stand in the order in which they were
/// added. A member's missing directories are made before it, with mode 0755.
public struct CpioArchive: Sendable {
    /// Which of the two device switches a device node speaks to.
    public enum DeviceKind: Sendable {
        case character
        case block
    }

    /// The record size that cpio programs write in.
    private static let recordSize = 512

    private var bytes: [UInt8] = []
    private var members: [String: CpioFileType] = [:]

    public init() {}

    /// Adds a directory; one that is there already stays as it is.
    ///
    /// - Parameters:
    ///   - path: relative to the archive's root, as in `etc/init.d`.
    ///   - mode: permission bits, up to 0o7777.
    public mutating func addDirectory(_ path: String, mode: UInt16 = 0o755) throws(CpioArchiveError) {
        try check(path)
        if members[path] == .directory { return }
        try add(path, .directory, mode)
    }

    /// Adds a regular file.
    ///
    /// - Parameters:
    ///   - path: relative to the archive's root.
    ///   - mode: permission bits, up to 0o7777.
    public mutating func addFile(
        _ path: String, contents: [UInt8], mode: UInt16 = 0o644
    ) throws(CpioArchiveError) {
        try check(path)
        try add(path, .regular, mode, contents: contents)
    }

    /// Adds a symbolic link to `target`, which may be any path, also one that does not exist.
    public mutating func addSymbolicLink(_ path: String, to target: String) throws(CpioArchiveError) {
        try check(path)
        let contents = Array(target.utf8)
        guard !contents.isEmpty, contents.count <= CpioHeader.longestPath, !contents.contains(0) else {
            throw .unusableLinkTarget(path: path, target: target)
        }
        try add(path, .symbolicLink, 0o777, contents: contents)
    }

    /// Adds a device node.
    ///
    /// - Parameter mode: permission bits, up to 0o7777.
    public mutating func addDevice(
        _ path: String, _ kind: DeviceKind, major: UInt32, minor: UInt32, mode: UInt16 = 0o600
    ) throws(CpioArchiveError) {
        try check(path)
        try add(path, kind == .character ? .characterDevice : .blockDevice, mode, device: (major, minor))
    }

    /// The whole archive, with its end marker, filled up to a multiple of 512 bytes.
    ///
    /// Further archives may follow it in one initramfs.
    public consuming func finished() -> [UInt8] {
        bytes += CpioHeader().bytes(name: CpioHeader.endName)
        pad(toMultipleOf: Self.recordSize)
        return bytes
    }

    private func check(_ path: String) throws(CpioArchiveError) {
        guard !path.utf8.elementsEqual(CpioHeader.endName), path.utf8.count <= CpioHeader.longestPath,
            !path.utf8.contains(0)
        else {
            throw .unusablePath(path)
        }
        let components = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for component in components where component.isEmpty || component.elementsEqual(".".utf8) {
            throw .unusablePath(path)
        }
        for component in components where component.elementsEqual("..".utf8) {
            throw .unusablePath(path)
        }
    }

    private mutating func add(
        _ path: String, _ type: CpioFileType, _ mode: UInt16, contents: [UInt8] = [], device: (UInt32, UInt32) = (0, 0)
    ) throws(CpioArchiveError) {
        guard let fileSize = UInt32(exactly: contents.count) else {
            throw .tooLarge(path: path, count: contents.count)
        }
        if members[path] != nil { throw .duplicate(path) }
        if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) {
            let parent = String(path[..<slash])
            switch members[parent] {
            case .directory: break
            case nil: try add(parent, .directory, 0o755)
            case .some: throw .parentIsNoDirectory(path: path, parent: parent)
            }
        }
        members[path] = type
        var header = CpioHeader()
        header.inode = UInt32(truncatingIfNeeded: members.count)
        header.mode = type.rawValue | UInt32(mode & 0o7777)
        header.size = fileSize
        header.device = device
        bytes += header.bytes(name: path.utf8)
        bytes += contents
        pad(toMultipleOf: CpioHeader.alignment)
    }

    private mutating func pad(toMultipleOf granule: Int) {
        while !bytes.count.isMultiple(of: granule) { bytes.append(0) }
    }
}
