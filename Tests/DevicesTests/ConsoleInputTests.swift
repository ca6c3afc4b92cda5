import Glibc
import Linux
import Synchronization
import Testing

@testable import Devices

@Suite struct ConsoleInputTests {
    /// A port that takes as many bytes as it is told to.
    private final class Port: ConsolePort {
        let room = Mutex(0)
        let taken = Mutex<[UInt8]>([])

        func roomForInput() -> Int { room.withLock { $0 } }

        func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
            let count = min(bytes.count, roomForInput())
            taken.withLock { $0 += bytes.prefix(count) }
            return count
        }

        func roomMade() {}
    }

    @Test func inputThatHadToWaitForRoomArrivesWhole() throws {
        let poller = try Poller()
        let channel = try Channel(.pipe)
        let port = Port()
        var input = ConsoleInput(channel.reading, escape: nil, token: 0)
        let sent = (0..<4000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        channel.write(sent)

        func pump() -> Bool { input.pump(to: port, watching: poller) { Issue.record("the input ended: \($0)") } }
        func becomesReady() throws -> Bool {
            var isReady = false
            try poller.wait(timeout: 1000) { _ in isReady = true }
            if isReady { input.becameReady() }
            return isReady
        }
        port.room.withLock { $0 = sent.count }
        #expect(!pump())
        #expect(try becomesReady())
        port.room.withLock { $0 = 0 }
        #expect(!pump())

        port.room.withLock { $0 = sent.count }
        #expect(!pump())
        while port.taken.withLock({ $0.count }) < sent.count {
            try #require(try becomesReady(), "\(port.taken.withLock { $0.count }) bytes came")
            #expect(!pump())
        }
        #expect(port.taken.withLock { $0 } == sent)
    }
}
