import Glibc
import Linux

/// The file of `--status-file`, to which one line is written at the end.
struct StatusFile: ~Copyable {
    private let descriptor: OwnedDescriptor

    /// Opens it, so that what is wrong with it is known before anything runs; what was in it is gone.
    /// Where stdout or stderr goes to the same file, the line comes behind what is written there.
    init(path: String) throws(SystemCallError) {
        let descriptor = try OwnedDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND)
        let status = try descriptor.status()
        let isShared = [STDOUT_FILENO, STDERR_FILENO].contains { stream in
            var other = stat()
            return fstat(stream, &other) == 0 && other.st_dev == status.st_dev && other.st_ino == status.st_ino
        }
        if status.st_mode & S_IFMT == S_IFREG, !isShared {
            try systemCall("ftruncate", on: path) { ftruncate(descriptor.rawValue, 0) }
        }
        self.descriptor = descriptor
    }

    /// Runs a command, and tells in the file how it ended, or why it could not run.
    ///
    /// - Parameters:
    ///   - path: nil for no file.
    ///   - name: the command's.
    ///   - body: also returns how many nanoseconds passed until commands could run, if they could.
    /// - Returns: the exit status.
    static func telling(
        _ path: String?, command name: String, _ body: () throws -> (report: CommandReport, boot: UInt64?)
    ) throws -> Int32 {
        let begin = monotonicNanoseconds()
        let file = try path.map { path in try StatusFile(path: path) }
        switch Result(catching: body) {
        case .success((let report, let boot)):
            try file?.write(report.line(wall: monotonicNanoseconds() - begin, boot: boot))
            return report.status
        case .failure(let error):
            let report = CommandReport(.failure(error), nil, command: name, limit: nil)
            try? file?.write(report.line(wall: monotonicNanoseconds() - begin, boot: nil))
            throw error
        }
    }

    private consuming func write(_ line: [UInt8]) throws(SystemCallError) {
        try writeAll(line, to: descriptor.rawValue, on: "the status file")
    }
}
