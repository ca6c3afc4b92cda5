import CLinux
import Glibc
import Linux

/// The entry of a machine that runs, as others see it.
public final class MachineEntry {
    public let name: String
    private let path: String
    /// Its machine has it locked.
    private let lock: OwnedDescriptor

    init(name: String, path: String, lock: consuming OwnedDescriptor) {
        self.name = name
        self.path = path
        self.lock = lock
    }

    /// Where the machine takes clients.
    public var socket: String { Self.socket(in: path) }

    /// What the machine's process has told of itself; nil before it has.
    public var record: MachineRecord? { MachineRecord(readFrom: Self.record(in: path)) }

    /// Kills the machine's process, if there still is one.
    public func kill() {
        guard let pid = record?.pid, let process = try? ProcessDescriptor(pid) else { return }
        // As long as it has the lock its number is not another's.
        guard flock(lock.rawValue, LOCK_EX | LOCK_NB) != 0 else { return }
        process.send(signal: SIGKILL)
    }

    /// Waits until the machine's process has ended, or has let the entry go.
    ///
    /// - Parameter deadline: when it is killed, on `CLOCK_MONOTONIC` in nanoseconds.
    public func awaitEnd(killingAt deadline: UInt64) {
        while flock(lock.rawValue, LOCK_EX | LOCK_NB) != 0 {
            if monotonicNanoseconds() >= deadline { kill() }
            usleep(5000)
        }
        RuntimeDirectory.remove(path, locked: lock)
    }

    static func socket(in path: String) -> String { path + "/control" }
    static func record(in path: String) -> String { path + "/machine" }
}
