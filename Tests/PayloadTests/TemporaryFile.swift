import Foundation

/// A file that goes when this value's owner does.
final class TemporaryFile {
    let path: String

    init(_ contents: [UInt8]) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path
        try Data(contents).write(to: URL(fileURLWithPath: path))
    }

    convenience init(_ text: String) throws {
        try self.init(Array(text.utf8))
    }

    /// A file of `count` zeros that takes no space.
    convenience init(zeros count: Int) throws {
        try self.init([])
        truncate(path, count)
    }

    deinit { unlink(path) }
}
