import CLinux
import Glibc
import SystemPackage

/// A Unix stream socket that waits for connections at a path. The file is its user's alone (mode 0600), and is removed
/// with its owner.
public struct UnixListener: ~Copyable, Sendable {
    public let path: String
    public let descriptor: OwnedDescriptor
    /// Which file it made, as another may have taken the place since.
    private let file: (device: dev_t, inode: ino_t)?

    /// How many connections wait to be accepted, at most; the kernel's own limit for it (`net.core.somaxconn`).
    private static let queueLength: CInt = 4096

    /// Makes the socket. A file that a socket left behind at `path` is replaced.
    ///
    /// - Throws: `EADDRINUSE` when somebody listens at `path` already, or another kind of file is there;
    ///   `ENAMETOOLONG` for more than `UnixSocket.longestPath` bytes.
    public init(path: String) throws(SystemCallError) {
        self.path = path
        let descriptor = try UnixSocket.make()
        // The file gets the socket's own mode, which is set before there is a file that others could open.
        try systemCall("fchmod", on: path) { fchmod(descriptor.rawValue, 0o600) }
        do {
            try Self.bind(descriptor.rawValue, to: path)
        } catch {
            guard error.errno == .addressInUse, Self.isLeftBehind(path) else { throw error }
            unlink(path)
            try Self.bind(descriptor.rawValue, to: path)
        }
        try systemCall("listen", on: path) { listen(descriptor.rawValue, Self.queueLength) }
        file = Self.status(path).map { ($0.st_dev, $0.st_ino) }
        self.descriptor = descriptor
    }

    deinit {
        if let file, let now = Self.status(path), (now.st_dev, now.st_ino) == file { unlink(path) }
    }

    /// Takes the next connection.
    ///
    /// - Returns: nil when there is none now.
    /// - Throws: `EMFILE` and its like when the host has no room for it; it waits on then.
    public borrowing func accept() throws(SystemCallError) -> OwnedDescriptor? {
        while true {
            let flags = CInt(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            let connection = accept4(descriptor.rawValue, __SOCKADDR_ARG(), nil, flags)
            if connection >= 0 { return OwnedDescriptor(adopting: connection) }
            switch currentErrno {
            case .wouldBlock: return nil
            case .interrupted, .connectionAbort: continue
            case let errno: throw SystemCallError("accept4", on: path, errno: errno)
            }
        }
    }

    private static func bind(_ descriptor: CInt, to path: String) throws(SystemCallError) {
        try UnixSocket.withAddress(path) { (address, length) throws(SystemCallError) in
            _ = try systemCall("bind", on: path) { Glibc.bind(descriptor, address, length) }
        }
    }

    /// Whether the file at `path` is a socket at which nobody listens.
    private static func isLeftBehind(_ path: String) -> Bool {
        guard let status = status(path), status.st_mode & S_IFMT == S_IFSOCK else { return false }
        do throws(SystemCallError) {
            _ = try UnixSocket.connect(to: path)
            return false
        } catch {
            return error.errno == .connectionRefused
        }
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }
}
