import Foundation
import Linux

/// An archive on its way into a directory, as it comes.
final class Extraction {
    private let pipe: Connection
    private var tar: ChildProcess?
    private let errors: TemporaryFile
    private let directory: String

    init(to directory: String) throws {
        self.directory = directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        pipe = try Connection()
        errors = try TemporaryFile(named: "errors")
        tar = try ChildProcess(
            ["tar", "-x", "--no-same-owner", "-C", directory, "-f", "-"], package: "tar",
            descriptors: [0: pipe.theirs, 2: errors.descriptor])
        pipe.closeTheirs()
    }

    /// Where to write the archive to.
    var descriptor: CInt { pipe.ours }

    /// To be called when all is written.
    func finish() throws {
        pipe.closeOurs()
        guard let status = tar?.wait(), status != .exited(0) else { return }
        let message = String(decoding: try errors.contents(), as: UTF8.self).trimmed
        throw LabFailure("what the command left in $OUT could not be put into \(directory): \(message)")
    }
}
