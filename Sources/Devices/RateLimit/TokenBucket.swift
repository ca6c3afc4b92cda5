/// A limit on a rate, such as bytes or operations a second: tokens flow in steadily up to a capacity, and work takes
/// them out.
///
/// Work larger than the capacity must not wait for ever, so work may begin as soon as there is any token at all, and
/// takes all it needs: the bucket is then in debt, and the next work waits until that is paid. Over time the rate is
/// exact. The time is the caller's, nanoseconds of a clock that never goes back.
public struct TokenBucket: Equatable, Sendable {
    private static let nanosecondsPerSecond: Int128 = 1_000_000_000

    /// Tokens that can gather while there is no work.
    public let capacity: UInt64
    public let refillPerSecond: UInt64
    // In billionths of a token, so that no fraction is lost however often the time is looked at.
    private var balance: Int128
    private var updated: UInt64

    /// Makes a full bucket.
    ///
    /// - Parameters:
    ///   - capacity: tokens; at least 1, since none could ever gather in less.
    ///   - refillPerSecond: tokens; with 0 the bucket never refills.
    ///   - burst: tokens on top of the capacity, once.
    ///   - now: nanoseconds.
    public init(capacity: UInt64, refillPerSecond: UInt64, burst: UInt64 = 0, now: UInt64) {
        self.capacity = max(capacity, 1)
        self.refillPerSecond = refillPerSecond
        balance = (Int128(self.capacity) + Int128(burst)) * Self.nanosecondsPerSecond
        updated = now
    }

    /// How long work has to wait from `now` on before it may begin.
    ///
    /// - Returns: nanoseconds; 0 when it may begin at once, `UInt64.max` when it never may.
    public mutating func delay(at now: UInt64) -> UInt64 {
        refill(now)
        if balance > 0 { return 0 }
        if refillPerSecond == 0 { return .max }
        // The first nanosecond after which the balance is above zero.
        return UInt64(clamping: -balance / Int128(refillPerSecond) + 1)
    }

    /// Takes `count` tokens, more than there are where need be.
    public mutating func take(_ count: UInt64, at now: UInt64) {
        refill(now)
        // A debt has a bound too, or enough unchecked takes would overflow the balance.
        balance = max(balance - Int128(count) * Self.nanosecondsPerSecond, Int128.min / 2)
    }

    private mutating func refill(_ now: UInt64) {
        guard now > updated else { return }
        let elapsed = now - updated
        updated = now
        let full = Int128(capacity) * Self.nanosecondsPerSecond
        // What is left of the one-time burst stays, but does not grow.
        guard balance < full else { return }
        let gained = Int128(elapsed).multipliedReportingOverflow(by: Int128(refillPerSecond))
        balance = gained.overflow ? full : min(full, balance + gained.partialValue)
    }
}
