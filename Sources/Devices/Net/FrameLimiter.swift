import Linux

/// A limit on the bytes of frames that pass in one direction, through whichever queue.
final class FrameLimiter {
    private var bucket: TokenBucket?

    /// - Parameter bytesPerSecond: of which a tenth may come at once; nil for no limit.
    init(bytesPerSecond: UInt64?) {
        setRate(bytesPerSecond)
    }

    /// Begins anew with another limit.
    func setRate(_ bytesPerSecond: UInt64?) {
        bucket = bytesPerSecond.map {
            TokenBucket(capacity: $0 / 10, refillPerSecond: $0, now: monotonicNanoseconds())
        }
    }

    /// How long the next frame has to wait, in nanoseconds; nil when it may pass now.
    func delay() -> UInt64? {
        guard let delay = bucket?.delay(at: monotonicNanoseconds()), delay > 0 else { return nil }
        return delay
    }

    func take(frameOf length: Int) {
        bucket?.take(UInt64(clamping: length), at: monotonicNanoseconds())
    }
}
