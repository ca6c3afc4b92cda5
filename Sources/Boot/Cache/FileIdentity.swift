import CLinux
import Glibc

/// What changes whenever a file's content does, as far as the file system tells: much cheaper than its hash.
struct FileIdentity: Equatable {
    private let device: dev_t
    private let inode: ino_t
    private let size: off_t
    private let modified: timespec
    private let changed: timespec

    init(_ status: stat) {
        device = status.st_dev
        inode = status.st_ino
        size = status.st_size
        modified = status.st_mtim
        changed = status.st_ctim
    }

    static func == (one: FileIdentity, other: FileIdentity) -> Bool {
        one.name == other.name
    }

    /// A file name of its own for each identity.
    var name: String {
        [
            String(device, radix: 16), String(inode, radix: 16), String(size, radix: 16),
            String(modified.tv_sec, radix: 16), String(modified.tv_nsec, radix: 16),
            String(changed.tv_sec, radix: 16), String(changed.tv_nsec, radix: 16),
        ].joined(separator: ",")
    }

    /// Whether the file has been left alone for so long that any further write must give it another identity.
    ///
    /// File systems keep times with the grain of a clock tick, some of two seconds: a write within the same grain
    /// leaves no trace.
    ///
    /// - Parameter now: nanoseconds since 1970.
    func isSettled(at now: Int) -> Bool {
        let grain = 2_000_000_000
        return max(nanoseconds(changed), nanoseconds(modified)) < now &- grain
    }
}

/// Nanoseconds since 1970; a file can claim a time that does not fit, and then any number does.
func nanoseconds(_ time: timespec) -> Int {
    time.tv_sec &* 1_000_000_000 &+ time.tv_nsec
}
