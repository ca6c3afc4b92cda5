import CLinux
import Glibc
import SystemPackage

/// Whose a guest sees files to be: this process's user and group are the guest's root, all others nobody. So everything that
/// a guest makes is its root's, and this process's user's on the host.
struct Ownership: Sendable {
    private let user = geteuid()
    private let group = getegid()

    /// What distributions call `nobody` and `nogroup`.
    static let nobody: UInt32 = 65534

    func guestUser(of host: uid_t) -> UInt32 { host == user ? 0 : Self.nobody }
    func guestGroup(of host: gid_t) -> UInt32 { host == group ? 0 : Self.nobody }

    /// What chown(2) is to be called with.
    ///
    /// - Parameter guest: nil for no change.
    /// - Throws: `EPERM` for anybody but the guest's root: no other has an owner on the host.
    func hostUser(of guest: UInt32?) throws(Errno) -> uid_t { try host(guest, user) }
    func hostGroup(of guest: UInt32?) throws(Errno) -> gid_t { try host(guest, group) }

    private func host(_ guest: UInt32?, _ own: UInt32) throws(Errno) -> UInt32 {
        guard let guest else { return .max }
        guard guest == 0 else { throw .notPermitted }
        return own
    }

    /// The permissions that a guest may give a file.
    ///
    /// - Throws: `EPERM` for what would let others on the host run it as this process's user or group.
    static func permissions(_ mode: UInt32, isDirectory: Bool = false) throws(Errno) -> mode_t {
        guard isDirectory || mode & (S_ISUID | S_ISGID) == 0 else { throw .notPermitted }
        return mode & 0o7777
    }
}
