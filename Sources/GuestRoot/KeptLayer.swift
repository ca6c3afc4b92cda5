import CLinux
import Glibc
import Linux
import SystemPackage

/// The file in which what a guest writes above its root outlives the guest: the image of an ext4 file system.
public enum KeptLayer {
    /// The name that the file system has (mke2fs(8), `-L`), by which images of users' own are told from it.
    static let label = "swiftlet-keep"
    /// Bytes. The file takes as much of the host only as is written to it.
    private static let usualSize: UInt64 = 16 << 30
    /// Where it is on a system whose users do not have its directory in their `PATH`, and then anywhere in that.
    private static let programs = ["/usr/sbin/mke2fs", "/sbin/mke2fs", "mke2fs"]

    /// Makes the file where there is none, and otherwise checks that it is one.
    ///
    /// - Parameter size: of a file that is made, in bytes, and of one that is there; nil for any.
    public static func prepare(_ path: String, size: UInt64?) throws(KeptLayerError) {
        do throws(KeptLayerError.Problem) {
            if access(path, F_OK) != 0, errno == ENOENT { return try make(path, size: size ?? usualSize) }
            try check(path, size: size)
        } catch {
            throw KeptLayerError(path: path, problem: error)
        }
    }

    private static func check(_ path: String, size: UInt64?) throws(KeptLayerError.Problem) {
        let signs: FileSigns
        let present: UInt64
        do throws(RootSourceError.Problem) {
            if try RootSource.isDirectory(RootSource.status(of: path)) { throw .special("a directory") }
            (signs, present) = try RootSource.look(path)
        } catch {
            throw KeptLayerError.Problem(error)
        }
        guard signs.image?.fileSystem == .ext, signs.label.elementsEqual(label.utf8) else { throw .foreign }
        guard let needed = signs.imageSize, needed <= present else { throw .truncated }
        if let size, size != present { throw .otherSize(present) }
    }

    /// Under another name until it is complete.
    private static func make(_ path: String, size: UInt64) throws(KeptLayerError.Problem) {
        let temporary = "\(path).new-\(getpid())"
        do throws(SystemCallError) {
            let file = try OwnedDescriptor.open(temporary, O_RDWR | O_CREAT | O_EXCL)
            try systemCall("ftruncate", on: path) { ftruncate(file.rawValue, off_t(clamping: size)) }
        } catch {
            if error.call != "open" { unlink(temporary) }
            throw .notMade(error)
        }
        defer { unlink(temporary) }
        try format(temporary)
        // Another one that has been made meanwhile is as good.
        if link(temporary, path) == 0 || errno == EEXIST { return }
        // There are file systems without links.
        do throws(SystemCallError) {
            try systemCall("rename", on: path) { rename(temporary, path) }
        } catch {
            throw .notMade(error)
        }
    }

    private static func format(_ path: String) throws(KeptLayerError.Problem) {
        for program in programs {
            let failure: String?
            do throws(SystemCallError) {
                failure = try format(path, by: program)
            } catch  where error.errno == .noSuchFileOrDirectory {
                continue
            } catch {
                throw .notMade(error)
            }
            if let failure { throw .notFormatted(failure) }
            return
        }
        throw .noProgram
    }

    /// - Returns: what the program said, where it failed.
    /// - Throws: `ENOENT` where there is no such program.
    private static func format(_ path: String, by program: String) throws(SystemCallError) -> String? {
        let words = OwnedDescriptor(
            adopting: try systemCall("memfd_create") { memfd_create("mke2fs", UInt32(MFD_CLOEXEC)) })
        // The file is all zeros, as the journal is to be, and no blocks are put aside for the guest's root, which every
        // command is by default.
        let process = try ChildProcess(
            [program, "-q", "-F", "-t", "ext4", "-L", label, "-m", "0", "-E", "lazy_journal_init=1", "--", path],
            descriptors: [words.rawValue], environment: .inherited)
        let status = process.wait()
        if status == .exited(0) { return nil }
        let text = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, pread(words.rawValue, buffer.baseAddress, buffer.count, 0))
        }
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n").last.map { ": \($0)" } ?? ""
        return "\(program) failed (\(status))\(line)"
    }
}
