import Linux

/// A limit on the bytes of frames that pass in one direction, through whichever queue.
final class FrameLimiter {
    private var bucket: TokenBucket

    /// - Parameter bytesPerSecond: of which a tenth may come at once.
    init(bytesPerSecond: UInt64) {
        bucket = TokenBucket(
            capacity: bytesPerSecond / 10, refillPerSecond: bytesPerSecond, now: monotonicNanoseconds())
    }

    /// How long the next frame has to wait, in nanoseconds; nil when it may pass now.
    func delay() -> UInt64? {
        let delay = bucket.delay(at: monotonicNanoseconds())
        return delay > 0 ? delay : nil
    }

    func take(frameOf length: Int) {
        bucket.take(UInt64(clamping: length), at: monotonicNanoseconds())
    }
}
