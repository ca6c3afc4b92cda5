import Devices
import Testing

@Suite struct TokenBucketTests {
    private let second: UInt64 = 1_000_000_000

    @Test func aFullBucketLetsWorkBeginUntilItIsEmpty() {
        var bucket = TokenBucket(capacity: 10, refillPerSecond: 5, now: 0)
        for _ in 0..<10 {
            #expect(bucket.delay(at: 0) == 0)
            bucket.take(1, at: 0)
        }
        #expect(bucket.delay(at: 0) == 1)
        #expect(bucket.delay(at: 1) == 0)
    }

    /// Whatever the work's size, it waits for exactly what work before it took too much.
    @Test(arguments: [1, 7, 10, 100, 12_345] as [UInt64])
    func theRateIsExactOverTime(size: UInt64) {
        var bucket = TokenBucket(capacity: 10, refillPerSecond: 1000, now: 0)
        var now: UInt64 = 0
        let rounds: UInt64 = 1000
        for _ in 0..<rounds {
            now += bucket.delay(at: now)
            bucket.take(size, at: now)
        }
        let expected = (rounds - 1) * size * second / 1000
        let slack = (size + 10) * second / 1000 + rounds
        #expect(now <= expected + slack)
        #expect(now + slack >= expected)
    }

    @Test func waitingGathersNoMoreThanTheCapacityAndTheBurstCountsOnce() {
        var bucket = TokenBucket(capacity: 10, refillPerSecond: 1, burst: 5, now: 0)
        bucket.take(14, at: 1000 * second)
        #expect(bucket.delay(at: 1000 * second) == 0)
        bucket.take(1, at: 1000 * second)
        #expect(bucket.delay(at: 1000 * second) == 1)
        bucket.take(9, at: 5000 * second)
        #expect(bucket.delay(at: 5000 * second) == 0)
        bucket.take(1, at: 5000 * second)
        #expect(bucket.delay(at: 5000 * second) == 1)
    }

    /// New limits begin full, and one that stays has what it had.
    @Test func limitsCanBeChanged() throws {
        var limits = try #require(RateLimiter(bytesPerSecond: 1000, operationsPerSecond: 10, now: 0))
        limits.take(bytes: 1100, at: 0)
        #expect(limits.delay(at: 0) == second + 1)
        limits = try #require(
            RateLimiter(bytesPerSecond: 1000, operationsPerSecond: 20, now: 0, after: limits))
        #expect(limits.delay(at: 0) == second + 1)
        limits = try #require(
            RateLimiter(bytesPerSecond: 2000, operationsPerSecond: 20, now: 0, after: limits))
        #expect(limits.delay(at: 0) == 0)
        #expect(RateLimiter(bytesPerSecond: nil, operationsPerSecond: nil, now: 0, after: limits) == nil)
    }

    @Test func extremesDoNotTrap() {
        var bucket = TokenBucket(capacity: .max, refillPerSecond: .max, burst: .max, now: 5)
        for _ in 0..<100 { bucket.take(.max, at: 0) }
        #expect(bucket.delay(at: .max) == 0)
        var dry = TokenBucket(capacity: 0, refillPerSecond: 0, now: 0)
        dry.take(1, at: 0)
        #expect(dry.delay(at: .max) == .max)
    }
}
