import Glibc

/// A value behind a POSIX mutex, with a condition that waiting threads are woken by.
public final class ConditionLock<Value: ~Copyable>: @unchecked Sendable {
    // Sendable: the value is only reached with the mutex held.
    private var value: Value
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    public init(_ value: consuming sending Value) {
        self.value = value
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the mutex held, then wakes all waiting threads to look at the value again.
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        return try body(&value)
    }

    /// Waits until `isSatisfied` holds of the value.
    public func wait(until isSatisfied: (borrowing Value) -> Bool) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isSatisfied(value) { pthread_cond_wait(condition, mutex) }
    }

    /// Waits until `isSatisfied` holds of the value, or the time has come.
    ///
    /// - Parameter deadline: on `CLOCK_MONOTONIC`, in nanoseconds.
    public func wait(until deadline: UInt64, _ isSatisfied: (borrowing Value) -> Bool) {
        var time = timespec(
            tv_sec: time_t(clamping: deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isSatisfied(value), pthread_cond_timedwait(condition, mutex, &time) != ETIMEDOUT {}
    }
}
