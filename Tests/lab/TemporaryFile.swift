import CLinux
import Glibc
import Linux

/// A file in memory without a name, gone with its last user (memfd_create(2)).
final class TemporaryFile {
    private let owner: OwnedDescriptor

    /// - Parameter name: for those who look into `/proc`.
    init(named name: String) throws {
        owner = OwnedDescriptor(
            adopting: try systemCall("memfd_create", on: name) { memfd_create(name, UInt32(MFD_CLOEXEC)) })
    }

    var descriptor: CInt { owner.rawValue }

    func setSize(_ count: Int) throws {
        try systemCall("ftruncate") { ftruncate(descriptor, count) }
    }

    func contents() throws -> [UInt8] {
        try contentsOfFile("/proc/self/fd/\(descriptor)", limit: 1 << 30)
    }
}
