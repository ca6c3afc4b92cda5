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
        var rest = line[...]
        while !rest.isEmpty {
            let count = try systemCall("write", on: "the status file") {
                rest.withUnsafeBytes { Glibc.write(descriptor.rawValue, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(count)
        }
    }
}
