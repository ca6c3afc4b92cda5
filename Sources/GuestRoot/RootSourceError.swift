import Linux

/// Why a path cannot be the root file system of a guest's command.
public struct RootSourceError: Error, Equatable, CustomStringConvertible {
    public enum Problem: Error, Equatable, Sendable {
        case system(SystemCallError)
        /// What it is instead of a file, such as `a pipe`.
        case special(String)
        case empty
        /// It begins with nothing but zeros.
        case blank
        /// The file system is larger than its file, in bytes; nil for one that no disk is large enough for.
        case truncated(needed: UInt64?, UInt64)
        /// Something else than a root; nil where nobody knows what.
        case foreign(ForeignFormat?)
    }

    public let path: String
    public let problem: Problem

    public var description: String {
        switch problem {
        case .system(let error) where error.errno == .noSuchFileOrDirectory:
            "\(path): there is no such file or directory; \(ForeignFormat.wanted)"
        case .system(let error) where error.errno == .permissionDenied:
            "\(path): not permitted to read it; check its mode with 'ls -l'"
        case .system(let error): "\(path): cannot be read (\(error.call): \(error.errno))"
        case .special(let kind): "\(path): is \(kind), which cannot be a root; \(ForeignFormat.wanted)"
        case .empty: "\(path): is empty; \(ForeignFormat.wanted)"
        case .blank:
            """
            \(path): begins with nothing but zeros, so there is neither a file system nor an archive in it; make a file \
            system with 'mkfs.ext4' and fill it
            """
        case .truncated(let needed, let size):
            """
            \(path): is cut off: its file system has \(needed.map { "\($0)" } ?? "too many") bytes, and the file \(size); \
            copy the image once more
            """
        case .foreign(let format?): "\(path): looks like \(format.name), which cannot be a root; \(format.remedy)"
        case .foreign(nil):
            "\(path): is neither an image of a known file system nor a tar archive; \(ForeignFormat.wanted)"
        }
    }
}
