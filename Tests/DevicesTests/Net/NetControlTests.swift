import Devices
import Network
import Testing
import Virtio

struct NetControlTests {
    @Test func itOffersWhatTheBackEndDoes() throws {
        let tap = try NetHarness(channels: 2, mtu: 9000).device
        let bits: [UInt64] = [0, 1, 2, 3, 5, 7, 8, 11, 12, 15, 16, 17, 18, 22, 23, 28, 29, 32, 54, 55, 56]
        #expect(tap.offeredFeatures == Features(bits.map(Features.bit)))
        #expect(tap.configuration(at: 6, as: UInt16.self) == 1)
        #expect(tap.configuration(at: 8, as: UInt16.self) == 2)
        #expect(tap.configuration(at: 10, as: UInt16.self) == 9000)
        #expect((0..<6).map { tap.configuration(at: $0, as: UInt8.self) } == [0x52, 0x54, 0, 0x12, 0x34, 0x56])

        let plain = try NetHarness(offloads: []).device
        #expect(plain.offeredFeatures == Features([5, 15, 16, 17, 18, 23, 28, 29, 32].map(Features.bit)))
    }

    @Test(arguments: [7, 8, 54, 55, 11, 12, 56, 2, 18, 22, 23] as [UInt64])
    func featuresNeedOthers(bit: UInt64) throws {
        let net = try NetHarness(channels: 2)
        net.device.negotiate([NetHarness.base, .bit(bit)])
        #expect(!net.device.status.contains(.featuresOK))
        net.device.negotiate([NetHarness.base, .bit(0), .bit(1), .bit(17), .bit(bit)])
        #expect(net.device.status.contains(.featuresOK))
    }

    @Test func theBackEndLearnsWhatTheGuestAccepts() throws {
        let net = try NetHarness()
        #expect(net.log.value.carrier == false)
        net.start(features: [NetHarness.base, .bit(1), .bit(7), .bit(54)])
        net.device.settle()
        #expect(net.log.value == .init(offloads: [.checksum, .tcp4], carrier: true, channelCount: 1, ends: 0))
        net.start()
        net.device.settle()
        #expect(net.log.value.offloads == NetHarness.everyOffload)

        #expect(try net.control([5, 0, 0x02, 0x01, 0, 0, 0, 0, 0, 0]) == 0)
        #expect(net.log.value.offloads == [.checksum, .tcp6])
        // An offload that is none, and one that was not accepted.
        #expect(try net.control([5, 0, 0x01, 0, 0, 0, 0, 0, 0, 0]) == 1)
        #expect(try net.control([5, 0, 0x00, 0x04, 0, 0, 0, 0, 0, 0]) == 1)
        #expect(net.log.value.offloads == [.checksum, .tcp6])

        net.device.status = []
        #expect(net.log.value.carrier == false)
    }

    @Test(
        arguments: [
            [], [0], [0, 0], [0, 2, 1], [1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF],
            [1, 1, 2, 0, 0, 0, 0],
            [1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 1], [2, 0, 1, 0], [3, 0], [4, 0], [4, 0, 0, 0],
            [4, 0, 3, 0],
            [5, 0, 1], [0xFF, 0xFF, 0, 0, 0, 0],
        ] as [[UInt8]])
    func commandsThatMakeNoSenseAreRefused(bytes: [UInt8]) throws {
        let net = try NetHarness(channels: 2)
        net.start()
        #expect(try net.control(bytes) == 1)
        #expect(try net.control([0, 1, 1]) == 0)
    }

    @Test func commandsNeedTheirFeatures() throws {
        let net = try NetHarness(channels: 2)
        net.start(features: [NetHarness.base, .bit(17), .bit(22)])
        #expect(try net.control([0, 0, 1]) == 1)
        #expect(try net.control([1, 1, 2, 0, 0, 0, 0, 1]) == 1)
        #expect(try net.control([5, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == 1)
        #expect(try net.control([4, 0, 2, 0]) == 0)
    }

    @Test func aCommandWithoutRoomForItsAnswerNeedsAReset() throws {
        let net = try NetHarness()
        net.start()
        try net.queues[2].add([.readable(0x70_0000, 3)])
        net.device.notify(2)
        #expect(net.device.wait { net.device.status.contains(.needsReset) })
    }

    @Test func theGuestChangesItsAddressUntilAReset() throws {
        let net = try NetHarness()
        net.start()
        #expect(try net.control([1, 1, 2, 0, 0, 0, 0, 9]) == 0)
        #expect((0..<6).map { net.device.configuration(at: $0, as: UInt8.self) } == [2, 0, 0, 0, 0, 9])
        net.device.status = []
        #expect(net.device.configuration(at: 5, as: UInt8.self) == 0x56)
    }

    @Test func theControlQueueComesAfterTheFirstPairWithoutMultiQueue() throws {
        let net = try NetHarness(channels: 2)
        net.start(features: [NetHarness.base, .bit(17), .bit(18)])
        try net.device.memory.write([0, 1, 1, 0xEE], at: 0x70_0000)
        try net.queues[2].add([.readable(0x70_0000, 3), .writable(0x70_0003, 1)])
        net.device.notify(2)
        #expect(try net.device.nextUsed(of: net.queues[2])?.written == 1)
        #expect(try net.device.memory.load(at: 0x70_0003, as: UInt8.self) == 0)
    }

    @Test func furtherPairsReceiveOnceTheyAreAskedFor() throws {
        let net = try NetHarness(channels: 2)
        net.start()
        try net.give(1000, number: 1, queue: 2)
        net.arrive(NetHarness.packet(60), channel: 1)
        net.device.settle()
        #expect(try net.queues[2].usedIndex == 0)
        #expect(try net.control([4, 0, 2, 0]) == 0)
        #expect(net.log.value.channelCount == 2)
        #expect(try net.device.nextUsed(of: net.queues[2])?.written == 60)
    }

    @Test func theLinkGoesDownAndUp() throws {
        let net = try NetHarness()
        net.start()
        try net.give(1000)
        net.device.settle()
        net.setLink(up: false)
        #expect(net.device.configuration(at: 6, as: UInt16.self) == 0)
        #expect(net.device.read(0x60) & 2 == 2)
        #expect(net.log.value.carrier == false)
        try net.send(NetHarness.packet(60))
        #expect(net.statistics.fromGuest.counts == .init(requests: 0, bytes: 0, errors: 1))
        net.arrive(NetHarness.packet(60))
        net.device.settle()
        #expect(try net.receive.usedIndex == 0)

        net.setLink(up: true)
        #expect(net.device.configuration(at: 6, as: UInt16.self) == 1)
        #expect(net.log.value.carrier == true)
        #expect(try net.device.nextUsed(of: net.receive)?.written == 60)
    }

    @Test func theEndOfTheBackEndTakesTheLinkDown() throws {
        let net = try NetHarness()
        net.start()
        try net.give(1000)
        net.closePeer()
        #expect(net.device.wait { net.device.configuration(at: 6, as: UInt16.self) == 0 })
        net.device.settle()
        #expect(net.device.reports == ["the socket was closed; the guest's link is down"])
        try net.send(NetHarness.packet(60))
        net.start()
        net.setLink(up: false)
        net.setLink(up: true)
        #expect(net.device.configuration(at: 6, as: UInt16.self) == 0)
        #expect(net.log.value.ends == 1)
    }
}
