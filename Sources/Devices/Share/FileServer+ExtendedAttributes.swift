import CLinux
import Glibc
import SystemPackage

/// Extended attributes: those of users, which regular files and directories have. Others mean something to the host, and are
/// neither shown nor taken.
extension FileServer {
    private static let prefix = Array("user.".utf8)
    /// `XATTR_NAME_MAX` and `XATTR_SIZE_MAX`; the latter is `XATTR_LIST_MAX` as well.
    private static let longestName = 255
    private static let largestValue = 64 << 10

    func setExtendedAttribute(_ node: UInt64, _ arguments: inout FUSEArguments) throws(Errno) -> FileReply {
        // Without FUSE_SETXATTR_EXT, which is not agreed on, only the first two words are there.
        let size = try arguments.take(UInt32.self)
        let flags = try arguments.take(UInt32.self)
        let name = try Self.name(try arguments.takeText())
        guard size <= Self.largestValue else { throw .argListTooLong }
        guard flags & ~UInt32(XATTR_CREATE | XATTR_REPLACE) == 0 else { throw .invalidArgument }
        let value = Array(try arguments.take(count: Int(size)))
        let file = try fileWithAttributes(node)
        try hostCall { fsetxattr(file.rawValue, name, value, value.count, CInt(flags)) }
        return .empty
    }

    func getExtendedAttribute(
        _ node: UInt64, _ arguments: inout FUSEArguments, room: Int
    ) throws(Errno) -> FileReply {
        let size = try arguments.take(fuse_getxattr_in.self).size
        let name = try Self.name(try arguments.takeText())
        let file = try fileWithAttributes(node)
        var value = [UInt8](repeating: 0, count: Self.largestValue)
        let count = try hostCall { fgetxattr(file.rawValue, name, &value, value.count) }
        return try Self.reply(Array(value[..<count]), size: size, room: room)
    }

    func listExtendedAttributes(
        _ node: UInt64, _ arguments: inout FUSEArguments, room: Int
    ) throws(Errno) -> FileReply {
        let size = try arguments.take(fuse_getxattr_in.self).size
        let file = try fileWithAttributes(node)
        var names = [CChar](repeating: 0, count: Self.largestValue)
        let count = try hostCall { flistxattr(file.rawValue, &names, names.count) }
        let users = names[..<count].map { UInt8(bitPattern: $0) }.split(separator: 0)
            .filter { $0.starts(with: Self.prefix) }
        return try Self.reply(users.flatMap { $0 + [0] }, size: size, room: room)
    }

    func removeExtendedAttribute(_ node: UInt64, _ arguments: inout FUSEArguments) throws(Errno) -> FileReply {
        let name = try Self.name(try arguments.takeText())
        let file = try fileWithAttributes(node)
        try hostCall { fremovexattr(file.rawValue, name) }
        return .empty
    }

    /// - Parameter size: what the guest has room for; 0 asks how much it needs.
    private static func reply(_ bytes: [UInt8], size: UInt32, room: Int) throws(Errno) -> FileReply {
        if size == 0 {
            guard room >= MemoryLayout<fuse_getxattr_out>.size else { throw .invalidArgument }
            return .value(fuse_getxattr_out(size: UInt32(clamping: bytes.count), padding: 0))
        }
        guard bytes.count <= min(Int(size), room) else { throw .outOfRange }
        return .bytes(bytes)
    }

    /// - Throws: `EOPNOTSUPP` for an attribute that is not a user's.
    private static func name(_ text: ArraySlice<UInt8>) throws(Errno) -> [CChar] {
        guard text.starts(with: prefix) else { throw .notSupported }
        guard text.count > prefix.count else { throw .invalidArgument }
        guard text.count <= longestName else { throw .outOfRange }
        return text.map { CChar(bitPattern: $0) } + [0]
    }

    private func fileWithAttributes(_ node: UInt64) throws(Errno) -> SharedDescriptor {
        let target = try descriptor(of: node)
        guard try [S_IFREG, S_IFDIR].contains(target.identity().type) else {
            throw .notSupported
        }
        return try host.reopen(target, O_RDONLY | O_NONBLOCK)
    }
}
