import CLinux
import Devices
import MachineConfiguration
import Network
import Synchronization
import Testing
import Virtio
import VirtioTesting

struct NetReceiveTests {
    private func delivered(_ packet: [UInt8], in count: UInt8 = 1) -> [UInt8] {
        var packet = packet
        packet[10] = count
        return packet
    }

    @Test(arguments: [true, false])
    func aFrameLandsInABuffer(isMergeable: Bool) throws {
        let net = try NetHarness()
        net.start(features: isMergeable ? [NetHarness.base, NetHarness.mergeable] : NetHarness.base)
        try net.give(2000)
        let packet = NetHarness.packet(500)
        net.arrive(packet)
        #expect(try net.device.nextUsed(of: net.receive) == .init(head: 0, written: 500))
        #expect(try net.contents(0, 500) == delivered(packet))
        #expect(try net.contents(0, 501).last == 0)
        #expect(net.statistics.toGuest.counts == .init(requests: 1, bytes: 488, errors: 0))
    }

    @Test func aFrameIsSpreadOverMergeableBuffers() throws {
        let net = try NetHarness()
        net.start()
        for number in 0..<5 { try net.give(1000, number: number) }
        let packet = NetHarness.packet(3500)
        net.arrive(packet)
        net.arrive(NetHarness.packet(60, seed: 9))
        var bytes: [UInt8] = []
        for (number, written) in [1000, 1000, 1000, 500].enumerated() {
            #expect(try net.device.nextUsed(of: net.receive)?.written == UInt32(written))
            bytes += try net.contents(number, written)
        }
        #expect(bytes == delivered(packet, in: 4))
        #expect(try net.device.nextUsed(of: net.receive)?.written == 60)
        #expect(try net.contents(4, 60) == delivered(NetHarness.packet(60, seed: 9)))
    }

    @Test func theHeaderMayLieInSeveralParts() throws {
        let net = try NetHarness()
        net.start()
        let parts: [(UInt64, UInt32)] = [(0x10_0000, 7), (0x10_1000, 4), (0x10_2000, 100)]
        try net.receive.add(parts.map { .writable($0.0, $0.1) })
        net.device.notify(0)
        let packet = NetHarness.packet(100)
        net.arrive(packet)
        #expect(try net.device.nextUsed(of: net.receive)?.written == 100)
        let bytes = try parts.flatMap { Array(try net.device.memory.bytes(at: $0.0, count: Int($0.1))) }
        #expect(Array(bytes.prefix(100)) == delivered(packet))
    }

    @Test func framesWaitForBuffersWithoutWork() throws {
        let net = try NetHarness()
        net.start()
        for seed in 0..<3 { net.arrive(NetHarness.packet(100, seed: seed)) }
        net.device.settle()
        let before = cpuTime(of: net)
        usleep(200_000)
        #expect(cpuTime(of: net) - before < 10_000_000)
        for seed in 0..<3 {
            try net.give(200, number: seed)
            #expect(try net.device.nextUsed(of: net.receive)?.written == 100)
            #expect(try net.contents(seed, 100) == delivered(NetHarness.packet(100, seed: seed)))
        }
        #expect(net.statistics.toGuest.counts.errors == 0)
    }

    /// Nanoseconds that the device's thread has worked.
    private func cpuTime(of net: NetHarness) -> Int {
        final class Box: Sendable { let value = Mutex(0) }
        let box = Box()
        net.device.loop.perform {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            let nanoseconds = time.tv_sec * 1_000_000_000 + time.tv_nsec
            box.value.withLock { $0 = nanoseconds }
        }
        net.device.settle()
        return box.value.withLock { $0 }
    }

    @Test func aFrameWaitsForTheBuffersThatItLacks() throws {
        let net = try NetHarness()
        net.start()
        let packet = NetHarness.packet(50_000)
        for number in 0..<2 { try net.give(8000, number: number) }
        net.arrive(packet)
        net.arrive(NetHarness.packet(77, seed: 5))
        net.device.settle()
        #expect(try net.receive.usedIndex == 0)
        for number in 2..<9 { try net.give(8000, number: number) }
        var bytes: [UInt8] = []
        for number in 0..<7 {
            let written = try net.device.nextUsed(of: net.receive)?.written ?? 0
            bytes += try net.contents(number, Int(written))
        }
        let isSame = bytes == delivered(packet, in: 7)
        #expect(isSame)
        #expect(try net.device.nextUsed(of: net.receive)?.written == 77)
        #expect(net.statistics.toGuest.counts == .init(requests: 2, bytes: 50_053, errors: 0))
    }

    @Test func aFrameLargerThanTheOneBufferIsDropped() throws {
        let net = try NetHarness()
        net.start(features: NetHarness.base)
        try net.give(1000)
        net.arrive(NetHarness.packet(1001))
        net.arrive(NetHarness.packet(1000, seed: 1))
        #expect(try net.device.nextUsed(of: net.receive) == .init(head: 0, written: 1000))
        #expect(try net.contents(0, 1000) == delivered(NetHarness.packet(1000, seed: 1)))
        #expect(net.statistics.toGuest.counts == .init(requests: 1, bytes: 988, errors: 1))
    }

    @Test func aFrameLargerThanAllBuffersIsDropped() throws {
        let net = try NetHarness()
        net.start(size: 4)
        for number in 0..<4 { try net.give(100, number: number) }
        net.arrive(NetHarness.packet(401))
        net.arrive(NetHarness.packet(400, seed: 1))
        for _ in 0..<4 { #expect(try net.device.nextUsed(of: net.receive)?.written == 100) }
        #expect(net.statistics.toGuest.counts == .init(requests: 1, bytes: 388, errors: 1))
    }

    @Test(arguments: [1, 25])
    func whatIsNoFrameIsDropped(count: Int) throws {
        let net = try NetHarness()
        net.start()
        try net.give(1000)
        net.arrive(Array(NetHarness.packet(30).prefix(count)))
        net.arrive(NetHarness.packet(60))
        #expect(try net.device.nextUsed(of: net.receive)?.written == 60)
        #expect(net.statistics.toGuest.counts == .init(requests: 1, bytes: 48, errors: 1))
    }

    @Test func manyFramesKeepTheirOrder() throws {
        let net = try NetHarness()
        net.start(size: 8)
        for number in 0..<8 { try net.give(2048, number: number) }
        for seed in 0..<1000 {
            net.arrive(NetHarness.packet(60 + seed % 1400, seed: seed))
            let used = try #require(try net.device.nextUsed(of: net.receive))
            #expect(
                try net.contents(seed % 8, Int(used.written))
                    == delivered(NetHarness.packet(60 + seed % 1400, seed: seed)))
            try net.give(2048, number: seed % 8)
        }
    }

    @Test func aBufferThatCannotBeWrittenNeedsAReset() throws {
        let net = try NetHarness()
        net.start()
        try net.receive.add([.readable(0x10_0000, 2000)])
        net.device.notify(0)
        #expect(net.device.wait { net.device.status.contains(.needsReset) })
        #expect(net.device.reports == ["a receive buffer that cannot be written to"])

        net.start()
        try net.give(1000)
        net.arrive(NetHarness.packet(60))
        #expect(try net.device.nextUsed(of: net.receive)?.written == 60)
    }

    @Test func theLimitHolds() throws {
        let net = try NetHarness(bytesPerSecond: 1_000_000)
        net.start(size: 256)
        for number in 0..<200 { try net.receive.add([.writable(net.buffer(number % 64), 4096)]) }
        net.device.notify(0)
        let begin = ContinuousClock.now
        for _ in 0..<75 {
            net.arrive(NetHarness.packet(4012))
            #expect(try net.device.nextUsed(of: net.receive)?.written == 4012)
        }
        let elapsed = ContinuousClock.now - begin
        // 300 kB, of which 100 kB may come at once.
        #expect(elapsed > .milliseconds(180))
    }

    @Test func theLimitCanBeSetAndLifted() throws {
        let net = try NetHarness()
        net.start()
        for number in 0..<8 { try net.give(4096, number: number) }
        net.setLimit(bytesPerSecond: 1000)
        for _ in 0..<3 { net.arrive(NetHarness.packet(4012)) }
        #expect(try net.device.nextUsed(of: net.receive)?.written == 4012)
        #expect(net.device.isIdle)
        #expect(try net.receive.usedIndex == 1)
        net.setLimit(bytesPerSecond: nil)
        for _ in 0..<2 { #expect(try net.device.nextUsed(of: net.receive)?.written == 4012) }
    }

    @Test func onlyWantedDestinationsPass() throws {
        let net = try NetHarness()
        net.start()
        for number in 0..<8 { try net.give(1000, number: number) }
        #expect(try net.control([0, 0, 0]) == 0)
        let other = try #require(MACAddress("52:54:00:12:34:57"))
        let group = try #require(MACAddress("01:00:5e:00:00:01"))
        let broadcast = try #require(MACAddress("ff:ff:ff:ff:ff:ff"))
        for (index, destination) in [other, group, broadcast, NetHarness.mac].enumerated() {
            net.arrive(NetHarness.packet(60 + index, to: destination))
        }
        #expect(try net.device.nextUsed(of: net.receive)?.written == 62)
        #expect(try net.device.nextUsed(of: net.receive)?.written == 63)
        #expect(net.statistics.toGuest.counts == .init(requests: 2, bytes: 101, errors: 0))
    }

    /// The driver breaks the rules before it is ready, so that the device finds out while it becomes active.
    @Test func aBadBufferFromBeforeTheStartStopsTheCard() throws {
        let net = try NetHarness()
        let device = net.device
        device.negotiate()
        let queues = (0..<2 as Range<UInt32>).map { index in
            let queue = GuestQueue(device.memory, size: 16, base: 0x60_0000 + 0x1_0000 * UInt64(index))
            device.setUp(queue, index: index)
            return queue
        }
        try queues[0].add([.readable(0x10_0000, 2000)])
        try queues[1].add([.readable(0x10_0000, 100)])
        device.becomeReady()
        #expect(device.wait { device.status.contains(.needsReset) })
        #expect(device.isIdle)
        net.start()
        try net.send(NetHarness.packet(60))
        #expect(net.depart() == NetHarness.packet(60))
    }
}
