/// Limits on the bytes and the operations of a device, of which work must keep both.
public struct RateLimiter: Sendable {
    private var bytes: TokenBucket?
    private var operations: TokenBucket?

    /// Makes limits that allow what gathers in a tenth of a second to be used at once.
    ///
    /// - Parameters:
    ///   - bytesPerSecond, operationsPerSecond: nil for no limit.
    ///   - now: nanoseconds.
    ///   - previous: what these limits take the place of; a limit that is the same goes on as it is.
    /// - Returns: nil where there is no limit at all.
    public init?(
        bytesPerSecond: UInt64?, operationsPerSecond: UInt64?, now: UInt64, after previous: RateLimiter? = nil
    ) {
        if bytesPerSecond == nil && operationsPerSecond == nil { return nil }
        bytes = Self.bucket(bytesPerSecond, previous?.bytes, now)
        operations = Self.bucket(operationsPerSecond, previous?.operations, now)
    }

    private static func bucket(_ rate: UInt64?, _ previous: TokenBucket?, _ now: UInt64) -> TokenBucket? {
        guard let rate else { return nil }
        if let previous, previous.refillPerSecond == rate { return previous }
        return TokenBucket(capacity: rate / 10, refillPerSecond: rate, now: now)
    }

    /// How long the next operation has to wait from `now` on, in nanoseconds; 0 when it may begin at once.
    public mutating func delay(at now: UInt64) -> UInt64 {
        max(bytes?.delay(at: now) ?? 0, operations?.delay(at: now) ?? 0)
    }

    /// Counts an operation that begins.
    ///
    /// - Parameter count: its bytes.
    public mutating func take(bytes count: Int, at now: UInt64) {
        bytes?.take(UInt64(clamping: count), at: now)
        operations?.take(1, at: now)
    }
}
