import Foundation

/// A file that goes when this value's owner does.
final class TemporaryFile {
    let path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path

    init(_ text: String, executable: Bool = false) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        if executable { chmod(path, 0o700) }
    }

    /// A file of `count` zeros that takes no space.
    convenience init(zeros count: Int) throws {
        try self.init("")
        truncate(path, count)
    }

    /// - Returns: a descriptor, to be closed by the caller.
    func open(_ flags: CInt) throws -> CInt {
        let descriptor = Foundation.open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw CocoaError(.fileNoSuchFile) }
        return descriptor
    }

    deinit { unlink(path) }
}
