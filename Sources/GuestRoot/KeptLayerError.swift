import Linux
import SystemPackage

/// Why a file cannot keep what a guest writes.
public struct KeptLayerError: Error, Equatable, CustomStringConvertible {
    public enum Problem: Error, Equatable, Sendable {
        case system(SystemCallError)
        /// What it is instead of a file, such as `a pipe`.
        case special(String)
        /// There is something else in it.
        case foreign
        /// The file system is larger than its file.
        case truncated
        /// Its size is not the one that is asked for, but this, in bytes.
        case otherSize(UInt64)
        case inUse
        /// A new file could not be made.
        case notMade(SystemCallError)
        /// There is no program to make the file system with.
        case noProgram
        /// What the program said.
        case notFormatted(String)

        init(_ problem: RootSourceError.Problem) {
            self =
                switch problem {
                case .system(let error): .system(error)
                case .special(let kind): .special(kind)
                case .empty, .blank, .foreign: .foreign
                case .truncated: .truncated
                }
        }
    }

    public let path: String
    public let problem: Problem

    public init(path: String, problem: Problem) {
        self.path = path
        self.problem = problem
    }

    public var description: String {
        switch problem {
        case .system(let error) where error.errno == .permissionDenied:
            "\(path): not permitted to read it; check its mode with 'ls -l', and that of the directories that it is in"
        case .system(let error): "\(path): cannot be read (\(error.call): \(error.errno))"
        case .special(let kind): "\(path): is \(kind), which cannot keep what is written; name a new file"
        case .foreign:
            """
            \(path): is there already, and was not made to keep what is written: name a new file. (An image with an ext4 file \
            system becomes one by 'e2label \(path) \(KeptLayer.label)'.)
            """
        case .truncated: "\(path): is cut off: its file system is larger than the file; copy it once more"
        case .otherSize(let size):
            """
            \(path): is there already with a size of \(size) bytes, which stays as it is; ask for no other size, or name a new \
            file
            """
        case .inUse: "\(path): is in use by another machine; wait for its end, or copy the file"
        case .notMade(let error) where [.noSuchFileOrDirectory, .notDirectory].contains(error.errno):
            "\(path): cannot be made, as there is no such directory; make it with 'mkdir -p'"
        case .notMade(let error) where error.errno == .fileTooLarge:
            "\(path): cannot be made, as it is too large for its file system; ask for a smaller size"
        case .notMade(let error):
            "\(path): cannot be made (\(error.call): \(error.errno)); name one in another directory"
        case .noProgram:
            """
            \(path): cannot be made, as there is no program 'mke2fs'; install the package e2fsprogs, or copy a file that was \
            made elsewhere
            """
        case .notFormatted(let words): "\(path): no file system can be made in it: \(words)"
        }
    }
}
