import Foundation

/// A file that goes when this object's owner does.
public final class TemporaryFile: Sendable {
    public let path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path

    public init(_ contents: [UInt8], executable: Bool = false) throws {
        if executable {
            try Self.writeProgram(contents, to: path)
        } else {
            try Data(contents).write(to: URL(fileURLWithPath: path))
        }
    }

    public convenience init(_ text: String, executable: Bool = false) throws {
        try self.init(Array(text.utf8), executable: executable)
    }

    /// Has a process of its own write the file: this one may start a child meanwhile, which would have it open for
    /// writing, and what somebody has open for writing cannot be executed.
    private static func writeProgram(_ contents: [UInt8], to path: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "umask 077 && cat >\"$0\" && chmod 700 \"$0\"", path]
        let input = Pipe()
        process.standardInput = input
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(contents))
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.fileWriteUnknown) }
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
