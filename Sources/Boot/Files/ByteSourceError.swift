import Glibc
import Linux
import SystemPackage

/// Why a file named by the user could not be read.
public struct ByteSourceError: Error, Equatable, CustomStringConvertible {
    public enum Problem: Equatable, Sendable {
        case system(SystemCallError)
        case notRegular(IrregularFile)
        /// There are fewer bytes than when it was opened.
        case shrunk
    }

    /// The path, for a file.
    public let name: String
    public let problem: Problem

    public init(name: String, problem: Problem) {
        self.name = name
        self.problem = problem
    }

    public var description: String {
        switch problem {
        case .system(let error) where error.errno == .noSuchFileOrDirectory:
            "\(name): there is no such file"
        case .system(let error) where error.errno == .permissionDenied:
            "\(name): not permitted to read it; check its mode with 'ls -l'"
        case .system(let error): "\(name): cannot be read (\(error.call): \(error.errno))"
        case .notRegular(let kind): "\(name): is \(kind.rawValue); give a regular file"
        case .shrunk: "\(name): the file became shorter while it was read; try again once nothing writes to it"
        }
    }
}

/// What a file can be that is not a regular one.
public enum IrregularFile: String, Sendable {
    case directory = "a directory"
    case pipe = "a pipe, whose size is not known beforehand"
    case blockDevice = "a block device"
    case characterDevice = "a character device"
    case other = "a socket or another special file"

    /// - Returns: nil for a regular file's mode.
    init?(mode: mode_t) {
        switch mode & S_IFMT {
        case S_IFREG: return nil
        case S_IFDIR: self = .directory
        case S_IFIFO: self = .pipe
        case S_IFBLK: self = .blockDevice
        case S_IFCHR: self = .characterDevice
        default: self = .other
        }
    }
}
