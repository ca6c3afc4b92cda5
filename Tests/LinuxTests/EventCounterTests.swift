import CLinux
import Linux
import Testing

@Suite struct EventCounterTests {
    @Test func drainingTellsWhetherAnythingWasSignalled() throws {
        let counter = try EventCounter()
        let before = counter.drain()
        counter.signal()
        counter.signal()
        let signalled = counter.drain()
        let after = counter.drain()
        #expect([before, signalled, after] == [false, true, false])
    }

    @Test func lookingLeavesWhatWasSignalled() throws {
        let counter = try EventCounter()
        let before = counter.isSignalled
        counter.signal()
        let (first, second) = (counter.isSignalled, counter.isSignalled)
        counter.drain()
        let after = counter.isSignalled
        #expect([before, first, second, after] == [false, true, true, false])
    }

    @Test func pollerNamesTheReadyMemberByItsToken() throws {
        let poller = try Poller()
        let quiet = try EventCounter()
        let ready = try EventCounter()
        try poller.add(quiet.descriptor.rawValue, for: .readable, token: 1)
        try poller.add(ready.descriptor.rawValue, for: .readable, token: 2)
        ready.signal()

        var tokens: [UInt64] = []
        try poller.wait(timeout: 0) { event in
            #expect(event.readiness == .readable)
            tokens.append(event.token)
        }
        #expect(tokens == [2])
    }

    @Test func armedTimerBecomesReadable() throws {
        let poller = try Poller()
        let timer = try Timer()
        try poller.add(timer.descriptor.rawValue, for: .readable, token: 7)
        try timer.arm(nanoseconds: 1)
        var tokens: [UInt64] = []
        try poller.wait(timeout: 5000) { tokens.append($0.token) }
        #expect(tokens == [7])
    }
}
