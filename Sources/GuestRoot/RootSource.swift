import Archives
import Glibc
import Linux

/// What can be the root file system of a guest's command, by what is in a file and not by its name.
public enum RootSource: Equatable, Sendable {
    case directory
    /// An image, in a file or on a block device.
    case image(FileSystemImage)
    /// A tar archive, compressed or not.
    case archive

    /// Looks at a path, without ever waiting for a pipe, and at a few KiB of a file; of a compressed one, at what is
    /// needed to unpack its beginning.
    public init(detecting path: String) throws(RootSourceError) {
        do throws(RootSourceError.Problem) {
            self = try Self.detect(path)
        } catch {
            throw RootSourceError(path: path, problem: error)
        }
    }

    private static func detect(_ path: String) throws(RootSourceError.Problem) -> RootSource {
        // By the path first, as opening some devices does something to them.
        if try isDirectory(status(of: path)) { return .directory }
        let (signs, size) = try look(path)
        if signs.isEmpty { throw .empty }
        if signs.isTar { return .archive }
        if let image = signs.image {
            guard let needed = signs.imageSize, needed <= size else { throw .truncated(needed: signs.imageSize, size) }
            return .image(image)
        }
        if isArchive(path) { return .archive }
        let format = signs.foreignFormat
        throw format == nil && signs.isBlank ? .blank : .foreign(format)
    }

    /// - Returns: its signs, and its size in bytes.
    static func look(_ path: String) throws(RootSourceError.Problem) -> (FileSigns, size: UInt64) {
        do throws(SystemCallError) {
            // What was no pipe a moment ago may be one now, which this does not wait for and cannot read at a place.
            let file = try OwnedDescriptor.open(path, O_RDONLY | O_NONBLOCK)
            let signs = try FileSigns(of: file, path)
            let size = try systemCall("lseek", on: path) { lseek(file.rawValue, 0, SEEK_END) }
            return (signs, UInt64(clamping: size))
        } catch {
            throw .system(error)
        }
    }

    static func status(of path: String) throws(RootSourceError.Problem) -> stat {
        var status = stat()
        do throws(SystemCallError) {
            try systemCall("stat", on: path) { stat(path, &status) }
        } catch {
            throw .system(error)
        }
        return status
    }

    /// - Throws: for what is neither a directory nor a regular file nor a block device.
    static func isDirectory(_ status: stat) throws(RootSourceError.Problem) -> Bool {
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return true
        case S_IFREG, S_IFBLK: return false
        case S_IFIFO: throw .special("a pipe")
        case S_IFCHR: throw .special("a character device")
        default: throw .special("a socket or another special file")
        }
    }

    /// Whether there is a tar archive in a compressed file, or one of the first format, which has no magic number.
    private static func isArchive(_ path: String) -> Bool {
        guard let reader = try? ArchiveReader(path: path), (try? reader.next()) != nil else { return false }
        return reader.isTar
    }
}
