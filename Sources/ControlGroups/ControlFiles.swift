import Glibc
import Linux
import SystemPackage

/// The file systems of control groups, as a process uses them.
protocol ControlFiles {
    func contents(of path: String) throws(SystemCallError) -> [UInt8]
    /// Writes to a file that is there.
    func write(_ text: String, to path: String) throws(SystemCallError)
    func makeDirectory(_ path: String) throws(SystemCallError)
    func removeDirectory(_ path: String) throws(SystemCallError)
    /// The names of the directories in one.
    func directories(in path: String) -> [String]
    func isRunning(_ process: pid_t) -> Bool
    /// Waits for what is on its way.
    func pause()
}

/// Those of this host.
struct HostControlFiles: ControlFiles {
    /// Bytes; `mountinfo` grows with each mount.
    private static let limit = 16 << 20
    /// Microseconds.
    private static let pauseLength: UInt32 = 5000

    func contents(of path: String) throws(SystemCallError) -> [UInt8] {
        try contentsOfFile(path, limit: Self.limit)
    }

    func write(_ text: String, to path: String) throws(SystemCallError) {
        let file = try OwnedDescriptor.open(path, O_WRONLY)
        let bytes = Array(text.utf8)
        // The kernel takes each call as a whole text.
        try systemCall("write", on: path) { Glibc.write(file.rawValue, bytes, bytes.count) }
    }

    func makeDirectory(_ path: String) throws(SystemCallError) {
        try systemCall("mkdir", on: path) { mkdir(path, 0o755) }
    }

    func removeDirectory(_ path: String) throws(SystemCallError) {
        try systemCall("rmdir", on: path) { rmdir(path) }
    }

    func directories(in path: String) -> [String] {
        let entries = (try? entriesOfDirectory(path)) ?? []
        return entries.filter(\.isDirectory).map(\.name)
    }

    func isRunning(_ process: pid_t) -> Bool {
        kill(process, 0) == 0 || errno != ESRCH
    }

    func pause() {
        usleep(Self.pauseLength)
    }
}
