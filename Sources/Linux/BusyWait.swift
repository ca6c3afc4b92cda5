import CLinux

/// How long a loop looks for work before it sleeps: as long as work tends to come while it looks, and not at all
/// when it does not.
///
/// To be woken takes some microseconds on either side; to look takes the processor's time. A sleep that was short
/// would have been better spent looking.
struct BusyWait {
    /// Nanoseconds to look for work; 0 for not at all.
    private(set) var limit: UInt64 = 0

    /// A longer wait than this is worth a sleep.
    static let longest: UInt64 = 32_000
    private static let shortest: UInt64 = 4_000

    /// With one processor, looking only keeps those from working who make work.
    private let isSensible: Bool

    init(processors: Int = Self.usableProcessors) {
        isSensible = processors > 1
    }

    /// Learns from a wait that ended in a sleep: how long it was in all, in nanoseconds.
    mutating func slept(_ time: UInt64) {
        guard isSensible else { return }
        if time > Self.longest {
            limit = 0
        } else {
            limit = min(max(limit * 2, Self.shortest), Self.longest)
        }
    }

    private static var usableProcessors: Int {
        var set = cpu_set_t()
        guard sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &set) == 0 else { return 1 }
        return withUnsafeBytes(of: set) { $0.reduce(0) { $0 + $1.nonzeroBitCount } }
    }
}

/// A source of work that can be looked at, which is faster than being told of it.
public protocol Polled: AnyObject {
    /// Does what there is to do.
    ///
    /// - Returns: whether there was anything.
    func poll() -> Bool

    /// Asks to be told of work from now on, as the loop is about to sleep. After this, `poll` is called only once
    /// something has woken the loop.
    ///
    /// - Returns: false when there is work already.
    func prepareToSleep() -> Bool
}
