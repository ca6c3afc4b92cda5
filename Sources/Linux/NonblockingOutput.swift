import CLinux
import Glibc
import SystemPackage

/// A descriptor that is written to without waiting for its reader.
///
/// `O_NONBLOCK` belongs to the open file, which stdout shares with other processes, so it is never set there.
/// Pipes and terminals are opened a second time instead, with a file description of our own; where the system
/// refuses that, only as much is written at a time as poll(2) promises to take.
public struct NonblockingOutput: ~Copyable, Sendable {
    public enum Outcome: Equatable {
        case wrote(Int)
        /// Nothing can be written now.
        case full
        case failed(Errno)
    }

    private enum Manner {
        /// A file that never makes a writer wait for long, or a description that answers `EAGAIN`.
        case direct
        case socket
        /// At most `limit` bytes after each promise of poll(2).
        case polled(limit: Int)
    }

    /// /dev/ptmx, character device 5:2 (Linux, admin-guide/devices.txt).
    private static let ptmxDevice: dev_t = 5 << 8 | 2

    public let descriptor: OwnedDescriptor
    private let manner: Manner

    /// Prepares writing to `shared`, which stays open and as it is.
    ///
    /// - Parameter reopening: whether a second file description may be tried.
    public init(_ shared: CInt, reopening: Bool = true) throws(SystemCallError) {
        let copy = try OwnedDescriptor.duplicating(shared)
        let status = try copy.status()
        let isPipe = status.st_mode & S_IFMT == S_IFIFO
        if status.st_mode & S_IFMT == S_IFSOCK {
            manner = .socket
            descriptor = copy
        } else if fcntl(shared, F_GETFL) & O_NONBLOCK != 0 || !(isPipe || isatty(shared) == 1) {
            manner = .direct
            descriptor = copy
        } else if reopening, let own = Self.reopen(copy.rawValue, status) {
            manner = .direct
            descriptor = own
        } else {
            // A pipe that is ready has room for PIPE_BUF bytes. A terminal only says that it has some.
            manner = .polled(limit: isPipe ? Int(PIPE_BUF) : 64)
            descriptor = copy
        }
    }

    /// Another, non-blocking file description of the same pipe or terminal.
    private static func reopen(_ descriptor: CInt, _ status: stat) -> OwnedDescriptor? {
        // Opening a pseudo-terminal's master again would make another pseudo-terminal.
        guard status.st_rdev != Self.ptmxDevice else { return nil }
        let path = "/proc/self/fd/\(descriptor)"
        guard let own = try? OwnedDescriptor.open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY),
            let ownStatus = try? own.status(),
            ownStatus.st_dev == status.st_dev, ownStatus.st_ino == status.st_ino
        else { return nil }
        return own
    }

    /// Writes as many of `bytes` as go without waiting.
    public func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        var limit = bytes.count
        if case .polled(let most) = manner {
            guard isReady else { return .full }
            limit = min(limit, most)
        }
        do throws(SystemCallError) {
            let written = try systemCall("write") { () -> Int in
                if case .socket = manner {
                    return send(descriptor.rawValue, bytes.baseAddress, limit, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
                }
                return Glibc.write(descriptor.rawValue, bytes.baseAddress, limit)
            }
            return .wrote(written)
        } catch {
            return error.errno == .wouldBlock ? .full : .failed(error.errno)
        }
    }

    private var isReady: Bool {
        var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, 0) != 0
    }
}
