import CLinux

/// A timerfd(2) on `CLOCK_MONOTONIC`, readable once it has expired.
public struct Timer: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor

    public init() throws(SystemCallError) {
        let raw = try systemCall("timerfd_create") {
            timerfd_create(CLOCK_MONOTONIC, CInt(TFD_CLOEXEC | TFD_NONBLOCK))
        }
        descriptor = OwnedDescriptor(adopting: raw)
    }

    /// Lets the timer expire once, `nanoseconds` from now; 0 disarms it.
    public func arm(nanoseconds: UInt64) throws(SystemCallError) {
        let seconds = time_t(clamping: nanoseconds / 1_000_000_000)
        let rest = Int(nanoseconds % 1_000_000_000)
        var setting = itimerspec(
            it_interval: timespec(), it_value: timespec(tv_sec: seconds, tv_nsec: rest))
        try systemCall("timerfd_settime") { timerfd_settime(descriptor.rawValue, 0, &setting, nil) }
    }
}
