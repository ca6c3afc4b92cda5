import Foundation

/// A file that goes when this object's owner does.
public final class TemporaryFile: Sendable {
    public let path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path

    public init(_ contents: [UInt8], executable: Bool = false) throws {
        try Data(contents).write(to: URL(fileURLWithPath: path))
        if executable { chmod(path, 0o700) }
    }

    public convenience init(_ text: String, executable: Bool = false) throws {
        try self.init(Array(text.utf8), executable: executable)
    }

    /// A file of `count` zeros that takes no space.
    public convenience init(zeros count: Int) throws {
        try self.init([])
        truncate(path, count)
    }

    /// - Returns: a descriptor, to be closed by the caller.
    public func open(_ flags: CInt) throws -> CInt {
        let descriptor = Foundation.open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw CocoaError(.fileNoSuchFile) }
        return descriptor
    }

    deinit { unlink(path) }
}
