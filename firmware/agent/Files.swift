import System

/// A file to make, as the host describes it.
struct FileRequest {
    private let root: UnsafeMutablePointer<CChar>
    private let path: UnsafeMutablePointer<CChar>
    private let contents: UnsafeMutablePointer<CChar>
    /// What the texts are in.
    private let texts: Texts

    /// - Returns: nil for a malformed payload.
    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = PayloadReader(payload)
        texts = Texts(payload: payload.count)
        root = reader.text(into: texts)
        path = reader.text(into: texts)
        contents = reader.text(into: texts)
        let slash = CChar(bitPattern: UInt8(ascii: "/"))
        guard reader.isComplete, path[0] == slash, root[0] == 0 || root[0] == slash else { return nil }
    }

    /// Makes the file in the place of what has its name.
    ///
    /// - Returns: an errno, or 0.
    func perform() -> CInt {
        within(root) {
            if let name = strrchr(path, CInt(UInt8(ascii: "/"))), name > path {
                name[0] = 0
                let error = makeDirectories(path)
                name[0] = CChar(bitPattern: UInt8(ascii: "/"))
                if error != 0 { return error }
            }
            // A link that has the name may lead to a file that is not to be written to, or to nothing.
            if unlink(path) != 0, last_error() != ENOENT { return last_error() }
            let file = open_file(path, O_WRONLY | O_CREAT | O_EXCL)
            guard file >= 0 else { return last_error() }
            defer { close(file) }
            let length = strlen(contents)
            return fchmod(file, 0o644) == 0 && write(file, contents, length) == length ? 0 : last_error()
        }
    }
}

/// Calls `body` where paths are those of another root, so that no link leads out of it.
///
/// - Parameters:
///   - root: empty for the agent's own.
///   - body: returns an errno, or 0.
/// - Returns: the same.
func within(_ root: UnsafePointer<CChar>, _ body: () -> CInt) -> CInt {
    guard root[0] != 0 else { return body() }
    // A root can be left only by a process that ends.
    let pid = fork()
    if pid == 0 { _exit(chroot(root) == 0 && chdir(text("/")) == 0 ? body() : last_error()) }
    guard pid > 0 else { return last_error() }
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0, last_error() == EINTR {}
    return status & 0x7F == 0 ? status >> 8 & 0xFF : EIO
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
