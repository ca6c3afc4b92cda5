import Foundation

/// A directory for a test's files, which goes when this object's owner does.
public final class TemporaryDirectory: Sendable {
    /// A script that failed.
    public struct ScriptError: Error {
        public let script: String
        public let status: Int32
    }

    public let path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path

    public init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Runs a shell script there, every command of which must succeed.
    public func run(_ script: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-e", "-c", script]
        process.currentDirectoryURL = URL(fileURLWithPath: path)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ScriptError(script: script, status: process.terminationStatus)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
