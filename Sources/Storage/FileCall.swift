import CLinux
import Glibc

/// A system call on an image, as both engines make it. Offsets and counts are bytes.
enum FileCall {
    case read(UnsafePointer<iovec>, segments: Int, offset: Int)
    /// - Parameter flags: `RWF_DSYNC` or 0.
    case write(UnsafePointer<iovec>, segments: Int, offset: Int, flags: CInt)
    /// fallocate(2).
    case allocate(mode: CInt, offset: Int, count: Int)
    /// fdatasync(2).
    case synchronize

    /// Makes the call now.
    ///
    /// - Returns: what it answers, with a negative errno for a failure.
    func perform(on file: CInt) -> Int {
        while true {
            let result =
                switch self {
                case .read(let segments, let count, let offset): preadv(file, segments, CInt(count), offset)
                case .write(let segments, let count, let offset, 0): pwritev(file, segments, CInt(count), offset)
                case .write(let segments, let count, let offset, let flags):
                    pwritev2(file, segments, CInt(count), offset, flags)
                case .allocate(let mode, let offset, let count): Int(fallocate(file, mode, offset, count))
                case .synchronize: Int(fdatasync(file))
                }
            if result >= 0 { return result }
            if errno != EINTR { return -Int(errno) }
        }
    }
}
