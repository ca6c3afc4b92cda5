import CLinux
import Glibc
import SystemPackage

/// A file descriptor with one owner, closed when the owner goes.
public struct OwnedDescriptor: ~Copyable, Sendable {
    public let rawValue: CInt

    /// Takes over `rawValue`, which nobody else may close from now on.
    public init(adopting rawValue: CInt) {
        self.rawValue = rawValue
    }

    deinit { close(rawValue) }

    /// Opens `path` close-on-exec (open(2)).
    ///
    /// - Parameter flags: `O_RDONLY` and friends; `O_CLOEXEC` is added.
    public static func open(
        _ path: String, _ flags: CInt, mode: mode_t = 0o666
    ) throws(SystemCallError) -> OwnedDescriptor {
        let descriptor = try systemCall("open", on: path) { Glibc.open(path, flags | O_CLOEXEC, mode) }
        return OwnedDescriptor(adopting: descriptor)
    }

    /// A second descriptor for the same open file, close-on-exec (fcntl(2), `F_DUPFD_CLOEXEC`).
    public static func duplicating(_ descriptor: CInt) throws(SystemCallError) -> OwnedDescriptor {
        let copy = try systemCall("fcntl(F_DUPFD_CLOEXEC)") { fcntl(descriptor, F_DUPFD_CLOEXEC, 3) }
        return OwnedDescriptor(adopting: copy)
    }

    public borrowing func status() throws(SystemCallError) -> stat {
        var status = stat()
        try systemCall("fstat") { fstat(rawValue, &status) }
        return status
    }
}
