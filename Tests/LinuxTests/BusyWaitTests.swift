import Testing

@testable import Linux

struct BusyWaitTests {
    @Test func looksLongerWhileWorkComesSoon() {
        var wait = BusyWait(processors: 2)
        #expect(wait.limit == 0)
        var limits: [UInt64] = []
        for _ in 0..<5 {
            wait.slept(10_000)
            limits.append(wait.limit)
        }
        #expect(limits == [4_000, 8_000, 16_000, 32_000, 32_000])
    }

    @Test func doesNotLookWhenWorkIsRare() {
        var wait = BusyWait(processors: 2)
        wait.slept(10_000)
        wait.slept(1_000_000)
        #expect(wait.limit == 0)
    }

    @Test func neverLooksOnOneProcessor() {
        var wait = BusyWait(processors: 1)
        wait.slept(1)
        #expect(wait.limit == 0)
    }
}
