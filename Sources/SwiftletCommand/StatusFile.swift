import Glibc
import Linux

/// The file of `--status-file`, to which one line is written at the end.
struct StatusFile: ~Copyable {
    private let descriptor: OwnedDescriptor

    /// Opens it, so that what is wrong with it is known before anything runs; what was in it is gone.
    init(path: String) throws(SystemCallError) {
        descriptor = try OwnedDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC)
    }

    consuming func write(_ line: [UInt8]) throws(SystemCallError) {
        try writeAll(line, to: descriptor.rawValue, on: "the status file")
    }
}
