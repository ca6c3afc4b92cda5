import Linux
import Testing

@testable import Devices

@Suite struct OutputRingTests {
    @Test func fillsUpWrapsAndEmptiesInOrder() {
        let ring = OutputRing(capacity: 64)
        var next: UInt8 = 0
        var expected: UInt8 = 0
        for amount in [64, 40, 64, 1, 63] {
            while ring.room > 64 - amount {
                #expect(ring.append(next))
                next &+= 1
            }
            while !ring.isEmpty {
                let bytes = ring.bytes(from: ring.head)
                for byte in bytes {
                    #expect(byte == expected)
                    expected &+= 1
                }
                ring.remove(bytes.count)
            }
        }
        #expect(expected == next && next == 232)
    }

    @Test func fullRingTakesNoMore() {
        let ring = OutputRing(capacity: 1)
        for byte in 0..<64 { #expect(ring.append(UInt8(byte))) }
        let refused = !ring.append(64)
        #expect(refused && ring.room == 0)
        ring.remove(1000)
        #expect(ring.isEmpty && ring.room == 64)
    }

    @Test func positionsOutsideTheRingHaveNoBytes() {
        let ring = OutputRing(capacity: 64)
        _ = ring.append(1)
        #expect(ring.bytes(from: ring.tail).isEmpty)
        #expect(ring.bytes(from: ring.tail &+ 1).isEmpty)
        #expect(ring.bytes(from: ring.head &- 1).isEmpty)
    }

    /// One thread is a driver that sleeps until the transmitter's interrupt, the other sleeps and wakes as the
    /// pump does. A lost wake-up on either side would hang the test, a lost byte would break the sequence.
    @Test(.timeLimit(.minutes(10)), arguments: [64, 1024, 64 << 10])
    func twoThreadsLoseNothing(capacity: Int) throws {
        let total = 500_000
        let console = try Console(capacity: capacity)
        let line = try InterruptLine()
        let port = Serial16550(console: console) { line.edge.signal() }
        let driver = try NativeThread(name: "driver") {
            var sent = 0
            port.write(0x02, to: 1)
            while sent < total {
                line.waitForEdge()
                while port.read(2) & 0x0f == 0x02, sent < total {
                    for _ in 0..<min(16, total - sent) {
                        port.write(Self.byte(at: sent), to: 0)
                        sent += 1
                    }
                }
            }
        }
        let poller = try Poller()
        try poller.add(console.wake.descriptor.rawValue, for: .readable, token: 0)
        var received = 0
        var wrong = 0
        while received < total {
            if console.prepareToSleep(seen: console.ring.head) { try poller.wait { _ in } }
            console.awoke()
            let bytes = console.ring.bytes(from: console.ring.head)
            for byte in bytes {
                if byte != Self.byte(at: received) { wrong += 1 }
                received += 1
            }
            console.ring.remove(bytes.count)
            if console.takeRoomRequest() { port.roomMade() }
        }
        driver.join()
        #expect(wrong == 0)
        #expect(port.lostOutput == 0)
    }

    @Test func manyBytesAreAppendedAsFarAsThereIsRoom() {
        let ring = OutputRing(capacity: 64)
        var appended = 0
        var received: [UInt8] = []
        for round in 0..<100 {
            let bytes = (0..<round).map { Self.byte(at: appended + $0) }
            let room = ring.room
            let count = bytes.withUnsafeBytes { ring.append(contentsOf: $0) }
            #expect(count == min(round, room))
            appended += count
            let part = ring.bytes(from: ring.head).prefix(17)
            received += part
            ring.remove(part.count)
        }
        while !ring.isEmpty {
            let part = ring.bytes(from: ring.head)
            received += part
            ring.remove(part.count)
        }
        #expect(received == (0..<appended).map(Self.byte))
        #expect(appended > 1000)
    }

    /// A byte that tells its place in a long sequence, not only modulo 256.
    private static func byte(at index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: index &* 7 &+ index >> 8)
    }

    private final class InterruptLine: Sendable {
        let edge: EventCounter
        private let poller: Poller

        init() throws {
            edge = try EventCounter()
            poller = try Poller()
            try poller.add(edge.descriptor.rawValue, for: .readable, token: 0)
        }

        func waitForEdge() {
            try? poller.wait { _ in }
            edge.drain()
        }
    }
}
