import Foundation
import Linux
import ProcessTable
import TemporaryFiles
import Testing

/// A program that is run to its end.
struct Program: CustomTestStringConvertible {
    let path: String
    /// How to come by it.
    let remedy: String

    var testDescription: String { URL(fileURLWithPath: path).lastPathComponent }

    struct Result {
        let status: ChildProcess.Status
        let output: String
        let errors: String
    }

    /// - Parameter environment: added to this process's own.
    func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Result {
        try #require(FileManager.default.isExecutableFile(atPath: path), "\(path) is not there: \(remedy)")
        let (output, errors) = (try TemporaryFile(""), try TemporaryFile(""))
        let files = [try output.open(O_WRONLY | O_APPEND), try errors.open(O_WRONLY | O_APPEND)]
        defer { for file in files { close(file) } }
        let variables = environment.map { "\($0.key)=\($0.value)" }
        let process = try ChildProcess(
            ["/usr/bin/env"] + variables + [path] + arguments, descriptors: files, from: 1, environment: .inherited)
        // Unlike Foundation's, this also tells the end of a program whose children have not ended.
        while ProcessTable.isRunning(process.pid) { try await Task.sleep(for: .milliseconds(5)) }
        func text(_ file: TemporaryFile) throws -> String { try String(contentsOfFile: file.path, encoding: .utf8) }
        return Result(status: process.end(), output: try text(output), errors: try text(errors))
    }
}
