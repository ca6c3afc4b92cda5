import Foundation
import Glibc
import Linux

/// A file or directory of this machine, and where the command finds it.
struct SuppliedFile {
    let source: String
    /// Absolute, or below the command's working directory `$LAB_FILES`.
    let target: String

    /// - Parameter text: `HOST:GUEST`; without `:GUEST`, the file keeps its name, in the working directory.
    init(parsing text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        source = parts[0]
        target = parts.count > 1 ? parts[1] : (source as NSString).lastPathComponent
        guard !source.isEmpty, !target.isEmpty, !target.split(separator: "/").contains("..") else {
            throw LabFailure("'\(text)' names no file to copy; give --file HOST:GUEST")
        }
    }

    init(_ source: String, at target: String) {
        self.source = source
        self.target = target
    }

    var isAbsolute: Bool { target.hasPrefix("/") }

    /// Copies it to `target` below `root`, in the place of a file that may be there; directories are made as needed.
    ///
    /// - Parameter isReadOnly: whether a second name for the same file will do, which costs nothing.
    func copy(below root: String, isReadOnly: Bool = false) throws {
        let path = "\(root)/\(target)"
        guard access(source, R_OK) == 0 else { throw LabFailure("\(source) cannot be read: \(currentErrno)") }
        let resolved = try realPath(source)
        let parent = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        // What was copied before may have symbolic links.
        guard try "\(realPath(parent))/".hasPrefix("\(realPath(root))/") else {
            throw LabFailure("\(source) cannot be put at \(target): a symbolic link leads out of there")
        }
        var status = stat()
        if stat(resolved, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
            unlink(path)
            // Not for every file's owner, nor into another file system.
            if isReadOnly, link(resolved, path) == 0 { return }
        }
        try ChildProcess.output(of: ["cp", "-a", "--reflink=auto", "-T", resolved, path], package: "coreutils")
    }
}
