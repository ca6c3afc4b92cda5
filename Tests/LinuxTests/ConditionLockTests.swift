import Testing

@testable import Linux

@Suite struct ConditionLockTests {
    @Test func waitingEndsAtItsDeadline() {
        let lock = ConditionLock(0)
        let begin = monotonicNanoseconds()
        lock.wait(until: begin + 50_000_000) { $0 == 1 }
        #expect(50_000_000..<5_000_000_000 ~= monotonicNanoseconds() - begin)
        lock.wait(until: 0) { $0 == 1 }
    }

    @Test(arguments: [10_000_000_000, .max] as [UInt64])
    func waitingEndsBeforeItsDeadlineWhereItCan(timeout: UInt64) throws {
        let lock = ConditionLock(0)
        let begin = monotonicNanoseconds()
        let thread = try NativeThread(name: "test") { lock.withLock { $0 = 1 } }
        lock.wait(until: timeout == .max ? .max : begin + timeout) { $0 == 1 }
        #expect(monotonicNanoseconds() - begin < 9_000_000_000)
        thread.join()
    }
}
