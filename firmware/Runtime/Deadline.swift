import Instructions

/// A bound on waiting. It counts in the time stamp counter's cycles, whose frequency a payload does not know:
/// good for "long enough", not for measuring.
struct Deadline {
    private let end: UInt64

    /// - Parameter megacycles: millions of cycles, a quarter to half a millisecond each.
    init(megacycles: UInt64) {
        end = rdtsc() &+ megacycles &* 1_000_000
    }

    var hasPassed: Bool { rdtsc() >= end }

    /// Waits for `condition`.
    ///
    /// - Returns: whether it came to hold before the deadline.
    func wait(until condition: () -> Bool) -> Bool {
        while !condition() {
            if hasPassed { return false }
            pause()
        }
        return true
    }
}
