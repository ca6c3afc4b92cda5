import Glibc

/// A count that threads wait for to be more than zero, and each takes one off: whoever adds one wakes one of them.
public final class Semaphore: @unchecked Sendable {
    // Sendable: the semaphore is the C library's to lock.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    public init() {
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    public func signal() {
        sem_post(semaphore)
    }

    public func wait() {
        while sem_wait(semaphore) != 0, currentErrno == .interrupted {}
    }
}
