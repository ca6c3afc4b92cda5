import Glibc

/// What the kernel lets this process have (getrlimit(2)).
public enum ResourceLimits {
    /// Allows as many open files as the process may allow itself.
    public static func raiseDescriptors() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// How many files the process may have open.
    public static var descriptors: Int {
        var limit = rlimit()
        // What every process may have by default.
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }
}
