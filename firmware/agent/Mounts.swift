import System

/// A file system to mount, as the host describes it.
struct MountRequest {
    let source: UnsafeMutablePointer<CChar>
    /// The directory that `target` is in whatever links lead out of it; empty for the agent's own root.
    let root: UnsafeMutablePointer<CChar>
    let target: UnsafeMutablePointer<CChar>
    let type: UnsafeMutablePointer<CChar>
    let flags: UInt64
    let data: UnsafeMutablePointer<CChar>
    /// What the texts are in.
    private let texts: Texts

    /// - Returns: nil for a malformed payload.
    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = PayloadReader(payload)
        texts = Texts(payload: payload.count)
        source = reader.text(into: texts)
        root = reader.text(into: texts)
        target = reader.text(into: texts)
        type = reader.text(into: texts)
        flags = reader.number()
        data = reader.text(into: texts)
        let slash = CChar(bitPattern: UInt8(ascii: "/"))
        guard reader.isComplete, target[0] == slash, root[0] == 0 || root[0] == slash else { return nil }
    }

    /// Calls `body` where `target` is a path.
    ///
    /// - Parameter body: returns an errno, or 0.
    /// - Returns: the same.
    fileprivate func withinRoot(_ body: () -> CInt) -> CInt {
        guard root[0] != 0 else { return body() }
        // A root can be left only by a process that ends.
        let pid = fork()
        if pid == 0 { _exit(chroot(root) == 0 && chdir(text("/")) == 0 ? body() : last_error()) }
        guard pid > 0 else { return last_error() }
        var status: CInt = 0
        while waitpid(pid, &status, 0) < 0, last_error() == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : EIO
    }
}

/// What the host has had mounted, so that it is taken off again before the guest goes off.
struct Mounts {
    private var requests: [MountRequest] = []

    /// Mounts, and makes the directory for it where there is none.
    ///
    /// - Returns: an errno, or 0.
    mutating func perform(_ request: MountRequest) -> CInt {
        let error = request.withinRoot {
            let error = makeDirectories(request.target)
            if error != 0 { return error }
            return mount(request.source, request.target, request.type, UInt(request.flags), request.data) == 0
                ? 0 : last_error()
        }
        if error == 0 { requests.append(request) }
        return error
    }

    func undo() {
        for request in requests.reversed() {
            _ = request.withinRoot { umount2(request.target, 0) == 0 ? 0 : last_error() }
        }
    }
}

/// Makes a directory, and those that it is in, where there are none.
///
/// - Parameter mode: of the last one.
/// - Returns: an errno, or 0 where `path` is a directory now.
func makeDirectories(_ path: UnsafeMutablePointer<CChar>, mode: mode_t = 0o755) -> CInt {
    let slash = CChar(bitPattern: UInt8(ascii: "/"))
    var index = 1
    while path[0] != 0, path[index] != 0 {
        if path[index] == slash {
            path[index] = 0
            mkdir(path, 0o755)
            path[index] = slash
        }
        index += 1
    }
    if mkdir(path, mode) == 0 { return 0 }
    let error = last_error()
    return is_directory(path) != 0 ? 0 : error
}
