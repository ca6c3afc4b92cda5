import CLinux
import Glibc
import SystemPackage

/// Stream sockets with a name in the file system (unix(7)), non-blocking and close-on-exec.
public enum UnixSocket {
    /// Bytes of the longest path: `sun_path` has room for 108 with the zero at its end.
    public static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// Connects to who listens at `path`.
    ///
    /// - Throws: `ENAMETOOLONG`; `ENOENT` or `ECONNREFUSED` when nobody listens; `EAGAIN` when there is no room in the
    ///   queue of connections that were not accepted yet.
    public static func connect(to path: String) throws(SystemCallError) -> OwnedDescriptor {
        let descriptor = try make()
        try withAddress(path) { (address, length) throws(SystemCallError) in
            _ = try systemCall("connect", on: path) { Glibc.connect(descriptor.rawValue, address, length) }
        }
        return descriptor
    }

    /// Makes two sockets that are connected with each other and have no name (socketpair(2)).
    ///
    /// - Parameter takePeer: is given the other one.
    public static func pair(
        _ takePeer: (consuming OwnedDescriptor) -> Void
    ) throws(SystemCallError) -> OwnedDescriptor {
        let flags = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        var ends = [2 of CInt](repeating: -1)
        var span = ends.mutableSpan
        try span.withUnsafeMutableBufferPointer { ends throws(SystemCallError) in
            _ = try systemCall("socketpair") { socketpair(AF_UNIX, flags, 0, ends.baseAddress) }
        }
        takePeer(OwnedDescriptor(adopting: ends[1]))
        return OwnedDescriptor(adopting: ends[0])
    }

    static func make() throws(SystemCallError) -> OwnedDescriptor {
        let flags = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        return OwnedDescriptor(adopting: try systemCall("socket") { socket(AF_UNIX, flags, 0) })
    }

    /// - Throws: `ENAMETOOLONG`, or what `body` throws.
    static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemCallError) -> Void
    ) throws(SystemCallError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count <= longestPath else {
            throw SystemCallError("bind", on: path, errno: .fileNameTooLong)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        var result: Result<Void, SystemCallError> = .success(())
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                do throws(SystemCallError) {
                    try body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
                } catch {
                    result = .failure(error)
                }
            }
        }
        try result.get()
    }
}
