import CLinux
import CURing
import Linux
import SystemPackage

/// An io_uring(7) with one registered file, for one thread.
final class Ring {
    private let ring: UnsafeMutablePointer<io_uring>

    /// The registered file's index.
    private static let file: CInt = 0

    /// Makes a ring on any thread; it then belongs to the one that enables it.
    ///
    /// - Parameters:
    ///   - entries: requests that can be in flight.
    ///   - file: the file that all of them are for.
    /// - Throws: what io_uring_setup(2) answers where there is no io_uring, or none newer than Linux 5.10.
    init(entries: Int, file: CInt) throws(SystemCallError) {
        // Completions then do not interrupt this thread, but wait for its next system call, and a flag in the ring tells
        // of them (Linux 6.0). Deferring them further (IORING_SETUP_DEFER_TASKRUN) keeps poll(2) of the ring from seeing
        // them.
        let cooperative = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG
        let ring = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        ring.initialize(to: io_uring())
        var status = io_uring_queue_init(UInt32(entries), ring, cooperative | IORING_SETUP_R_DISABLED)
        if status == -EINVAL { status = io_uring_queue_init(UInt32(entries), ring, IORING_SETUP_R_DISABLED) }
        guard status == 0 else {
            ring.deallocate()
            throw SystemCallError("io_uring_setup", errno: Errno(rawValue: -status))
        }
        self.ring = ring
        status = withUnsafePointer(to: file) { io_uring_register_files(ring, $0, 1) }
        if status < 0 { throw SystemCallError("io_uring_register", errno: Errno(rawValue: -status)) }
    }

    deinit {
        io_uring_queue_exit(ring)
        ring.deallocate()
    }

    /// Readable while there are completions to take.
    var descriptor: CInt { ring.pointee.ring_fd }

    /// Puts another file in place of the registered one; no request may be in flight.
    func replace(file: CInt) throws(SystemCallError) {
        let status = withUnsafePointer(to: file) {
            io_uring_register_files_update(ring, UInt32(Self.file), $0, 1)
        }
        if status < 0 { throw SystemCallError("io_uring_register", errno: Errno(rawValue: -status)) }
    }

    /// Lets the calling thread, and from now on only it, use the ring.
    func enable() throws(SystemCallError) {
        // io_uring_enable_rings by its system call: Debian 12's shared liburing does not export that function.
        let status = io_uring_register(
            UInt32(bitPattern: ring.pointee.ring_fd), UInt32(IORING_REGISTER_ENABLE_RINGS), nil, 0)
        if status < 0 { throw SystemCallError("io_uring_register", errno: Errno(rawValue: -status)) }
    }

    /// Queues a system call for the kernel to begin at the next `submit`.
    func queue(_ call: FileCall, tag: Int) {
        var entry = io_uring_get_sqe(ring)
        if entry == nil {
            submit()
            entry = io_uring_get_sqe(ring)
        }
        guard let entry else { preconditionFailure("io_uring's submission queue is full after a submission") }
        switch call {
        case .read(let segments, let count, let offset):
            io_uring_prep_readv(entry, Self.file, segments, UInt32(count), UInt64(offset))
        case .write(let segments, let count, let offset, let flags):
            io_uring_prep_writev2(entry, Self.file, segments, UInt32(count), UInt64(offset), flags)
        case .allocate(let mode, let offset, let count):
            io_uring_prep_fallocate(entry, Self.file, mode, offset, count)
        case .synchronize:
            io_uring_prep_fsync(entry, Self.file, UInt32(IORING_FSYNC_DATASYNC))
        }
        io_uring_sqe_set_flags(entry, UInt32(1 << IOSQE_FIXED_FILE_BIT))
        io_uring_sqe_set_data64(entry, UInt64(tag))
    }

    /// Hands all queued calls to the kernel.
    func submit() {
        while io_uring_sq_ready(ring) > 0 {
            let status = io_uring_submit(ring)
            switch -status {
            // The kernel is short of memory, or wants its completions taken first. Neither lasts.
            case 0, EAGAIN, EBUSY:
                io_uring_get_events(ring)
                usleep(100)
            case let errno where errno > 0 && errno != EINTR:
                preconditionFailure("io_uring_enter failed: \(Errno(rawValue: errno))")
            default: continue
            }
        }
    }

    /// The next completion: its call's tag, and its result, with a negative errno for a failure.
    func next() -> (tag: Int, result: Int)? {
        var completion: UnsafeMutablePointer<io_uring_cqe>?
        guard io_uring_peek_cqe(ring, &completion) == 0, let completion else { return nil }
        defer { io_uring_cq_advance(ring, 1) }
        return (Int(completion.pointee.user_data), Int(completion.pointee.res))
    }

    /// Blocks until there is a completion; for a moment only, where a signal came or the thread is not the ring's own.
    func wait() {
        var completion: UnsafeMutablePointer<io_uring_cqe>?
        if io_uring_wait_cqe(ring, &completion) < 0 { usleep(1000) }
    }
}
