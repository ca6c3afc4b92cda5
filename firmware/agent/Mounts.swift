import System

/// A file system to mount, as the host describes it.
struct MountRequest {
    let source: UnsafeMutablePointer<CChar>
    let target: UnsafeMutablePointer<CChar>
    let type: UnsafeMutablePointer<CChar>
    let flags: UInt64
    let data: UnsafeMutablePointer<CChar>
    /// What the texts are in.
    fileprivate let texts: Texts

    /// - Returns: nil for a malformed payload.
    init?(_ payload: UnsafeRawBufferPointer) {
        var reader = PayloadReader(payload)
        texts = Texts(payload: payload.count)
        source = reader.text(into: texts)
        target = reader.text(into: texts)
        type = reader.text(into: texts)
        flags = reader.number()
        data = reader.text(into: texts)
        guard reader.isComplete, target[0] == CChar(bitPattern: UInt8(ascii: "/")) else { return nil }
    }
}

/// What the host has had mounted, so that it is taken off again before the guest goes off.
struct Mounts {
    private var requests: [MountRequest] = []

    /// Mounts, and makes the directory for it where there is none.
    ///
    /// - Returns: an errno, or 0.
    mutating func perform(_ request: MountRequest) -> CInt {
        makeDirectories(request.target)
        guard mount(request.source, request.target, request.type, UInt(request.flags), request.data) == 0 else {
            return last_error()
        }
        requests.append(request)
        return 0
    }

    func undo() {
        for request in requests.reversed() { umount2(request.target, 0) }
    }

    private func makeDirectories(_ path: UnsafeMutablePointer<CChar>) {
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
        mkdir(path, 0o755)
    }
}
