import Devices
import Network
import Testing
import Virtio

struct NetTransmitTests {
    @Test(arguments: [[], [12], [5, 7, 100], [12, 1, 1, 1, 1]])
    func aFrameGoesOutWithItsHeader(parts: [Int]) throws {
        let net = try NetHarness()
        net.start()
        var packet = NetHarness.packet(200)
        packet[0] = 1
        try net.send(packet, parts: parts)
        #expect(net.depart() == packet)
        #expect(net.statistics.fromGuest.counts == .init(requests: 1, bytes: 188, errors: 0))
    }

    @Test(arguments: [1, 12, 25, 12 + 65_554, 100_000])
    func framesOfImpossibleLengthsAreDropped(count: Int) throws {
        let net = try NetHarness()
        net.start()
        try net.send(NetHarness.packet(count).prefix(count).map { $0 })
        try net.send(NetHarness.packet(60))
        #expect(net.depart() == NetHarness.packet(60))
        #expect(net.statistics.fromGuest.counts == .init(requests: 1, bytes: 48, errors: 1))
    }

    @Test func theLargestFramePasses() throws {
        let net = try NetHarness()
        net.start()
        let packet = NetHarness.packet(12 + Frame.greatestLength)
        try net.send(packet, parts: [12, 4096])
        let isSame = net.depart() == packet
        #expect(isSame)
    }

    @Test func whatTheNetworkHasNoRoomForWaits() throws {
        let net = try NetHarness()
        net.start(size: 256)
        let sent = (0..<200).map { NetHarness.packet(20_000, seed: $0) }
        for (index, packet) in sent.enumerated() {
            try net.add(packet, at: 0x20_0000 + UInt64(index) * 20_000)
        }
        net.device.notify(1)
        net.device.settle()
        // More than a socket holds: the loop goes on, and so do others.
        #expect(try net.transmit.usedIndex < 200)
        let areSame = sent.allSatisfy { net.depart() == $0 }
        #expect(areSame)
        #expect(try net.device.wait { try net.transmit.usedIndex == 200 })
        #expect(net.statistics.fromGuest.counts.errors == 0)
    }

    @Test func theLimitHolds() throws {
        let net = try NetHarness(bytesPerSecond: 1_000_000)
        net.start(size: 256)
        for index in 0..<250 { try net.add(NetHarness.packet(1212), at: 0x20_0000 + UInt64(index) * 1212) }
        let begin = ContinuousClock.now
        net.device.notify(1)
        var received = 0
        while received < 250, net.depart() != nil { received += 1 }
        #expect(try net.device.wait { try net.transmit.usedIndex == 250 })
        let elapsed = ContinuousClock.now - begin
        #expect(received == 250)
        // 300 kB, of which 100 kB may come at once.
        #expect(elapsed > .milliseconds(180))
        #expect(net.statistics.fromGuest.counts == .init(requests: 250, bytes: 300_000, errors: 0))
    }

    /// What waits for its time goes on when the limit is gone.
    @Test(arguments: [nil, 1_000_000_000] as [UInt64?])
    func theLimitCanBeLifted(bytesPerSecond: UInt64?) throws {
        let net = try NetHarness(bytesPerSecond: 1000)
        net.start()
        for _ in 0..<5 { try net.add(NetHarness.packet(60_000)) }
        net.device.notify(1)
        #expect(net.depart() != nil)
        #expect(net.depart(tries: 100) == nil)
        net.setLimit(bytesPerSecond: bytesPerSecond)
        for _ in 0..<4 { #expect(net.depart() != nil) }
    }

    @Test func theLimitCanBeSet() throws {
        let net = try NetHarness()
        net.start()
        net.setLimit(bytesPerSecond: 1000)
        for _ in 0..<5 { try net.add(NetHarness.packet(1000)) }
        net.device.notify(1)
        #expect(net.depart() != nil)
        #expect(net.depart(tries: 100) == nil)
        #expect(net.device.isIdle)
    }

    @Test func aResetForgetsWhatWaited() throws {
        let net = try NetHarness(bytesPerSecond: 1000)
        net.start()
        for _ in 0..<5 { try net.add(NetHarness.packet(1000)) }
        net.device.notify(1)
        #expect(net.depart() != nil)
        net.start()
        #expect(net.depart(tries: 100) == nil)
        #expect(net.statistics.fromGuest.counts.requests == 1)
        // Neither does the new driver's frame keep the processor busy, which has to wait as well.
        try net.add(NetHarness.packet(1000))
        net.device.notify(1)
        #expect(net.device.isIdle)
        #expect(net.statistics.fromGuest.counts.requests == 1)
    }
}
