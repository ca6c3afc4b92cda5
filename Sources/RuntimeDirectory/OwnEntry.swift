import CLinux
import Glibc
import Linux

/// The entry of a machine of this process. It goes with its owner, or, where that is killed, with whoever meets it next.
public final class OwnEntry {
    private static let mostTries = 100
    private static let retryDelay: useconds_t = 1000

    public let name: String
    private let path: String
    private let lock: OwnedDescriptor

    /// Makes an entry.
    ///
    /// - Throws: `RuntimeDirectoryError.taken` where a machine of this name runs, or what keeps the entry from being made.
    public init(named name: String, in directory: RuntimeDirectory, _ record: MachineRecord) throws {
        guard MachineName.isValid(name) else { throw RuntimeDirectoryError.name(name) }
        try directory.create()
        self.name = name
        path = "\(directory.path)/\(name)"
        lock = try Self.claim(path, name, directory)
        do {
            try record.write(to: MachineEntry.record(in: path))
        } catch {
            RuntimeDirectory.remove(path, locked: lock)
            throw error
        }
    }

    deinit { RuntimeDirectory.remove(path, locked: lock) }

    /// Where clients come.
    public var socket: String { MachineEntry.socket(in: path) }

    private static func claim(_ path: String, _ name: String, _ directory: RuntimeDirectory) throws -> OwnedDescriptor {
        for _ in 0..<mostTries {
            if mkdir(path, 0o700) != 0 {
                guard currentErrno == .fileExists else { throw SystemCallError("mkdir", on: path, errno: currentErrno) }
                if let other = directory.entry(named: name) {
                    throw RuntimeDirectoryError.taken(name, pid: other.record?.pid)
                }
                continue
            }
            // Whoever lists machines meanwhile may take this for one that was left behind.
            if let lock = try? OwnedDescriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
                flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0, RuntimeDirectory.isCurrent(path, lock)
            {
                return lock
            }
            usleep(retryDelay)
        }
        throw RuntimeDirectoryError.taken(name, pid: nil)
    }
}
