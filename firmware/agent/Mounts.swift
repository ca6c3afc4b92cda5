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
    let isOfMissingDisk: Bool
    /// What the texts are in.
    private let texts: Texts

    /// - Parameter ofDisk: whether the source is a disk's serial number.
    /// - Returns: nil for a malformed payload.
    init?(_ payload: UnsafeRawBufferPointer, ofDisk: Bool) {
        var reader = PayloadReader(payload)
        texts = Texts(payload: payload.count)
        let given = reader.text(into: texts)
        let device = ofDisk ? Disks.device(serial: given) : given
        source = device ?? given
        isOfMissingDisk = device == nil
        root = reader.text(into: texts)
        target = reader.text(into: texts)
        type = reader.text(into: texts)
        flags = reader.number()
        data = reader.text(into: texts)
        let slash = CChar(bitPattern: UInt8(ascii: "/"))
        guard reader.isComplete, target[0] == slash, root[0] == 0 || root[0] == slash else { return nil }
    }
}

/// What the host has had mounted, so that it is taken off again before the guest goes off.
struct Mounts {
    private var requests: [MountRequest] = []

    /// Mounts, and makes the directory for it where there is none.
    ///
    /// - Returns: an errno, or 0.
    mutating func perform(_ request: MountRequest) -> CInt {
        let error = within(request.root) {
            let error = makeDirectories(request.target)
            if error != 0 { return error }
            if request.isOfMissingDisk { return ENXIO }
            return mount(request.source, request.target, request.type, UInt(request.flags), request.data) == 0
                ? 0 : last_error()
        }
        if error == 0 { requests.append(request) }
        return error
    }

    func undo() {
        for request in requests.reversed() {
            // What is mounted below one that was bound with all of that has been mounted elsewhere as well.
            let flags = request.flags & UInt64(MS_REC) != 0 ? MNT_DETACH : 0
            _ = within(request.root) { umount2(request.target, CInt(flags)) == 0 ? 0 : last_error() }
        }
    }
}
