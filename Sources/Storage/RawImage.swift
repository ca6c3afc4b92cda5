import CLinux
import Glibc
import Linux
import SystemPackage

/// A file or block device whose bytes are a disk's bytes, open and locked.
///
/// The format is always raw: whatever a guest writes into the first sector, it never becomes another.
public struct RawImage: ~Copyable, Sendable {
    public enum Kind: Sendable {
        case file
        case blockDevice
    }

    /// How many bytes there are, and how many of them a disk can show.
    public struct Size: Equatable, Sendable {
        /// Bytes, a multiple of the logical block.
        public let visible: UInt64
        /// Bytes at the end that are less than a block.
        public let hidden: UInt64

        public init(visible: UInt64, hidden: UInt64) {
            self.visible = visible
            self.hidden = hidden
        }
    }

    /// How others are kept from using the image at the same time.
    enum Lock {
        /// Others may read, none may write.
        case shared
        case exclusive
    }

    /// What errors call it.
    public let path: String
    public let kind: Kind
    public let isReadOnly: Bool
    /// Whether transfers go past the host's page cache (open(2), `O_DIRECT`).
    public let isDirect: Bool
    public let alignment: TransferAlignment
    let descriptor: OwnedDescriptor

    /// Opens and locks an image.
    ///
    /// - Parameters:
    ///   - readOnly: whether to open it for reading only; other readers may then have it open as well.
    ///   - direct: whether transfers go past the host's page cache.
    /// - Throws: `RawImageError`, also for what is neither a regular file nor a block device, and for an image that
    ///   another process uses.
    public init(path: String, readOnly: Bool = false, direct: Bool = false) throws(RawImageError) {
        let descriptor = try Self.naming(path) { () throws(RawImageError.Problem) in
            try Self.open(path, readOnly: readOnly, direct: direct)
        }
        let file = descriptor.rawValue
        (kind, alignment) = try Self.naming(path) { () throws(RawImageError.Problem) in
            let kind = try Self.kind(of: file)
            try Self.lock(file, readOnly ? .shared : .exclusive)
            return (kind, direct ? try TransferAlignment(ofDirect: file, kind) : .any)
        }
        self.descriptor = descriptor
        self.path = path
        isReadOnly = readOnly
        isDirect = direct
    }

    deinit { _ = Self.setLock(descriptor.rawValue, F_UNLCK) }

    /// The size as it is now, of a file that may grow and shrink.
    public func size() throws(RawImageError) -> Size {
        let bytes: UInt64
        do throws(SystemCallError) {
            switch kind {
            case .file: bytes = UInt64(clamping: try descriptor.status().st_size)
            case .blockDevice: bytes = try Self.deviceSize(descriptor)
            }
        } catch {
            throw RawImageError(path: path, problem: .system(error))
        }
        let hidden = bytes % UInt64(alignment.logicalBlock)
        return Size(visible: bytes - hidden, hidden: hidden)
    }

    /// Bytes that the host stores as one, as far as it tells: a power of two, at least the logical block.
    public var physicalBlock: Int {
        var size: UInt32 = 0
        switch kind {
        case .file: size = UInt32(clamping: (try? descriptor.status())?.st_blksize ?? 0)
        case .blockDevice: _ = ioctl(descriptor.rawValue, kBLKPBSZGET, &size)
        }
        guard size.nonzeroBitCount == 1, size <= Self.largestPhysicalBlock else { return alignment.logicalBlock }
        return max(Int(size), alignment.logicalBlock)
    }

    /// More would not fit into what a guest is told (virtio 1.3 §5.2.4, `min_io_size`).
    private static let largestPhysicalBlock: UInt32 = 1 << 20

    /// The format that the first bytes are a sign of, although they are used as they are; nil for none.
    public var suspectedFormat: String? {
        var magic: UInt32 = 0
        guard pread(descriptor.rawValue, &magic, 4, 0) == 4 else { return nil }
        switch UInt32(bigEndian: magic) {
        case 0x5146_49FB: return "qcow2"
        case 0x4B44_4D56: return "VMDK"
        case 0x7668_6478: return "VHDX"
        default: return nil
        }
    }

    /// Whether the bytes are in the host's memory (tmpfs, ramfs, hugetlbfs), so that moving them never waits.
    var isInMemory: Bool {
        var fileSystem = statfs()
        guard kind == .file, fstatfs(descriptor.rawValue, &fileSystem) == 0 else { return false }
        return [Int(TMPFS_MAGIC), Int(RAMFS_MAGIC), Int(HUGETLBFS_MAGIC)].contains(Int(fileSystem.f_type))
    }

    /// Discards a range of a block device (ioctl `BLKDISCARD`).
    ///
    /// - Returns: 0, or a negative errno.
    func discardOnDevice(offset: Int, count: Int) -> Int {
        var range: [2 of UInt64] = [UInt64(clamping: offset), UInt64(clamping: count)]
        return ioctl(descriptor.rawValue, kBLKDISCARD, &range) == 0 ? 0 : -Int(errno)
    }

    private static func naming<Result: ~Copyable>(
        _ path: String, _ body: () throws(RawImageError.Problem) -> Result
    ) throws(RawImageError) -> Result {
        do throws(RawImageError.Problem) {
            return try body()
        } catch {
            throw RawImageError(path: path, problem: error)
        }
    }

    private static func open(
        _ path: String, readOnly: Bool, direct: Bool
    ) throws(RawImageError.Problem) -> OwnedDescriptor {
        let flags = (readOnly ? O_RDONLY : O_RDWR) | (direct ? O_DIRECT : 0)
        do throws(SystemCallError) {
            // Opening a named pipe would otherwise wait for its other end. Later the flag would make io_uring give up
            // where a file system has to wait.
            let descriptor = try OwnedDescriptor.open(path, flags | O_NONBLOCK)
            try systemCall("fcntl(F_SETFL)") { fcntl(descriptor.rawValue, F_SETFL, flags) }
            return descriptor
        } catch {
            switch error.errno {
            case .invalidArgument where direct: throw .directNotSupported
            case .isDirectory: throw .unsuitable("a directory")
            case .permissionDenied: throw .notPermitted(readOnly: readOnly)
            case .readOnlyFileSystem: throw .readOnlyFileSystem
            default: throw .system(error)
            }
        }
    }

    private static func kind(of descriptor: CInt) throws(RawImageError.Problem) -> Kind {
        var status = stat()
        do throws(SystemCallError) {
            try systemCall("fstat") { fstat(descriptor, &status) }
        } catch {
            throw .system(error)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFBLK: return .blockDevice
        case S_IFDIR: throw .unsuitable("a directory")
        case S_IFCHR: throw .unsuitable("a character device")
        case S_IFIFO: throw .unsuitable("a pipe")
        default: throw .unsuitable("a socket or another special file")
        }
    }

    /// Locks all of the file, which also keeps QEMU away: it locks some bytes of its images.
    ///
    /// The lock belongs to the open file (fcntl(2), open file description locks). A ring keeps that open for some time
    /// after its process has ended, hence a little patience.
    private static func lock(_ descriptor: CInt, _ lock: Lock) throws(RawImageError.Problem) {
        for _ in 0..<lockAttempts {
            switch setLock(descriptor, lock == .exclusive ? F_WRLCK : F_RDLCK) {
            case nil: return
            case .resourceTemporarilyUnavailable, .permissionDenied: usleep(lockInterval)
            // A file system without locks, such as some network mounts: then none can be had.
            case .noLocks, .notSupported, .invalidArgument, .noFunction: return
            case let errno?: throw .system(SystemCallError("fcntl(F_OFD_SETLK)", errno: errno))
            }
        }
        throw .inUse(readOnly: lock == .shared)
    }

    private static let lockAttempts = 50
    /// Microseconds.
    private static let lockInterval: UInt32 = 10_000

    /// - Returns: why it failed; nil where it did not.
    private static func setLock(_ descriptor: CInt, _ type: CInt) -> Errno? {
        var request = flock()
        request.l_type = Int16(type)
        request.l_whence = Int16(SEEK_SET)
        return fcntl(descriptor, F_OFD_SETLK, &request) == 0 ? nil : currentErrno
    }

    private static func deviceSize(_ descriptor: borrowing OwnedDescriptor) throws(SystemCallError) -> UInt64 {
        var size: UInt64 = 0
        try systemCall("ioctl(BLKGETSIZE64)") { ioctl(descriptor.rawValue, kBLKGETSIZE64, &size) }
        return size
    }
}
