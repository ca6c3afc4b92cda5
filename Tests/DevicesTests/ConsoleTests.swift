import Testing

@testable import Devices

@Suite struct ConsoleTests {
    @Test func onlyASleepingPumpIsWokenAndOnlyOnce() throws {
        let harness = try SerialHarness()
        harness.send(0..<100)
        #expect(!harness.takeWake(), "it was awake")
        #expect(harness.console.prepareToSleep(seen: harness.console.ring.tail))
        harness.send(0..<1)
        #expect(harness.takeWake())
        harness.send(1..<100)
        #expect(!harness.takeWake(), "it has been woken already")
    }

    @Test func outputThatCameMeanwhileKeepsThePumpAwake() throws {
        let harness = try SerialHarness()
        let seen = harness.console.ring.tail
        harness.send(0..<1)
        #expect(!harness.console.prepareToSleep(seen: seen))
        harness.send(1..<2)
        #expect(!harness.takeWake())
    }

    @Test func lifeOnlyMovesForward() throws {
        let console = try Console()
        console.advance(to: .stopped)
        console.advance(to: .finishing)
        #expect(console.currentPhase == .stopped)
    }
}
