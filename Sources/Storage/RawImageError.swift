import Linux
import SystemPackage

/// Why a disk's image cannot be used.
public struct RawImageError: Error, Equatable, CustomStringConvertible {
    public enum Problem: Error, Equatable {
        case system(SystemCallError)
        /// What the path names instead of a regular file or block device, such as `a directory`.
        case unsuitable(String)
        case notPermitted(readOnly: Bool)
        case readOnlyFileSystem
        case directNotSupported
        case inUse(readOnly: Bool)
        /// It should take the place of an image that is accessed otherwise.
        case differentAccess
        /// Another image is already waiting to take the place.
        case anotherIsNext
    }

    public let path: String
    public let problem: Problem

    public init(path: String, problem: Problem) {
        self.path = path
        self.problem = problem
    }

    public var description: String {
        switch problem {
        case .system(let error) where error.errno == .noSuchFileOrDirectory:
            "\(path): there is no such disk image; make one with 'truncate -s 1G \(path)'"
        case .system(let error):
            "\(path): cannot be used as a disk image (\(error.call): \(error.errno))"
        case .unsuitable(let kind):
            "\(path): is \(kind), which cannot be a disk; give a regular file or a block device"
        case .notPermitted(readOnly: true):
            "\(path): not permitted to read it; check its mode with 'ls -l'"
        case .notPermitted(readOnly: false):
            "\(path): not permitted to read and write it; check its mode with 'ls -l', or give the disk as read-only"
        case .readOnlyFileSystem:
            "\(path): is on a file system that is mounted read-only; give the disk as read-only"
        case .directNotSupported:
            "\(path): its file system does not support direct I/O (O_DIRECT); do not ask for 'direct'"
        case .differentAccess:
            """
            \(path): cannot take the place of another image, which is accessed with other alignment, or as read-only \
            where this is not; attach it as another disk
            """
        case .anotherIsNext:
            "\(path): another image is about to be put into the disk; try again when that is done"
        case .inUse(readOnly: true):
            "\(path): is in use by another process, which writes to it; wait for its end, or copy the image"
        case .inUse(readOnly: false):
            """
            \(path): is in use by another process; wait for its end, copy the image, or give the disk as read-only in \
            both
            """
        }
    }
}
