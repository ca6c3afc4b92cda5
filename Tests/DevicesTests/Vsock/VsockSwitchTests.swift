import CLinux
import Glibc
import Linux
import Testing

@testable import Devices

/// What a guest does to the switch, and what its host's programs see of it.
struct VsockSwitchTests {
    private static let pattern = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    @Test func bytesGoBothWays() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        guest.send(guest.header(.readWrite, from: 1000, to: 80), Self.pattern, pieces: [1, 0, 43, 7, 4096])
        #expect(host.read() == Self.pattern)

        host.write(Array("answer".utf8))
        guest.turn()
        let packet = try #require(guest.take())
        #expect(packet.operation == .readWrite)
        #expect(packet.header.source.port == 80)
        #expect(packet.payload == Array("answer".utf8))
        #expect(guest.take()?.operation == nil)
    }

    @Test func refusesWhereNobodyListens() throws {
        let guest = try VsockGuest()
        guest.send(guest.header(.request, from: 1000, to: 80))
        let packet = try #require(guest.take())
        #expect(packet.operation == .reset)
        #expect(packet.header.destination.port == 1000)
        #expect(guest.connections.connectionCount == 0)
    }

    @Test func refusesOtherContextsAndTypes() throws {
        let guest = try VsockGuest()
        var header = guest.header(.request, from: 1000, to: 80)
        header.destination.cid = 7
        guest.send(header)
        #expect(guest.take()?.header.source.cid == 7)
        header = guest.header(.request, from: 1000, to: 80)
        header.type = 2
        guest.send(header)
        #expect(guest.take()?.header.type == 2)
        // Not the guest at all: there is nobody to answer.
        header.source.cid = 9
        guest.send(header)
        #expect(guest.take() == nil)
    }

    @Test(arguments: [.response, .shutdown, .readWrite, .creditUpdate, .creditRequest] as [VsockOperation])
    func resetsWhatItDoesNotKnow(operation: VsockOperation) throws {
        let guest = try VsockGuest()
        guest.send(guest.header(operation, from: 1000, to: 80), [1, 2, 3])
        #expect(guest.take()?.operation == .reset)
    }

    @Test func aResetOfTheUnknownNeedsNoAnswer() throws {
        let guest = try VsockGuest()
        guest.send(guest.header(.reset, from: 1000, to: 80))
        #expect(guest.take() == nil)
    }

    @Test func theHostConnects() throws {
        let guest = try VsockGuest()
        let (host, request) = try guest.request(port: 5000)
        #expect(request.operation == .request)
        #expect(request.destination == VsockAddress(cid: 3, port: 5000))
        #expect(request.source.port >= 1 << 30)
        host.write([7])
        guest.turn()
        #expect(host.read() == nil)
        #expect(guest.take() == nil)
        guest.send(guest.header(.response, from: 5000, to: request.source.port))
        #expect(host.read() == Array("OK \(request.source.port)\n".utf8))
        #expect(guest.take()?.payload == [7])
    }

    @Test func theGuestRefuses() throws {
        let guest = try VsockGuest()
        let (host, request) = try guest.request(port: 5000)
        guest.send(guest.header(.reset, from: 5000, to: request.source.port))
        #expect(host.read() == [])
        #expect(guest.connections.connectionCount == 0)
    }

    @Test func aClientThatLeavesIsReported() throws {
        let guest = try VsockGuest()
        let (host, _) = try guest.request(port: 5000)
        host.close()
        guest.turn()
        #expect(guest.take()?.operation == .reset)
        #expect(guest.connections.connectionCount == 0)
    }

    @Test func aGuestThatNeverAnswersIsNotWaitedFor() throws {
        var limits = VsockLimits()
        limits.requesting = 20_000_000
        limits.tick = 5_000_000
        let guest = try VsockGuest(limits: limits)
        let host = guest.program(askingFor: 5000)
        #expect(guest.lastOperation() == .reset)
        #expect(host.read() == [])
    }

    @Test func theGuestClosesAndTheRestArrives() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        // More than the socket takes at a time.
        for _ in 0..<4 {
            guest.send(guest.header(.readWrite, from: 1000, to: 80), [UInt8](Self.pattern.prefix(60_000)))
        }
        var shutdown = guest.header(.shutdown, from: 1000, to: 80)
        shutdown.flags = 3
        guest.send(shutdown)
        #expect(guest.take()?.operation == .reset)
        #expect(guest.connections.connectionCount == 1)
        var received = 0
        let isComplete = guest.turn {
            while let bytes = host.read(), !bytes.isEmpty { received += bytes.count }
            return guest.connections.connectionCount == 0
        }
        #expect(isComplete)
        while let bytes = host.read(), !bytes.isEmpty { received += bytes.count }
        #expect(received == 240_000)
        #expect(host.read() == [])
    }

    @Test func theGuestEndsOneWay() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        guest.send(guest.header(.readWrite, from: 1000, to: 80), [1])
        var shutdown = guest.header(.shutdown, from: 1000, to: 80)
        shutdown.flags = 2
        guest.send(shutdown)
        #expect(host.read() == [1])
        #expect(host.read() == [])
        host.write([2])
        guest.turn()
        #expect(guest.take()?.payload == [2])
        host.close()
        guest.turn()
        let packet = try #require(guest.take())
        #expect(packet.operation == .shutdown)
        #expect(packet.header.flags == 3)
        guest.send(guest.header(.reset, from: 1000, to: 80))
        #expect(guest.connections.connectionCount == 0)
    }

    @Test func theHostEndsOneWay() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        host.write([1])
        host.shutDown(SHUT_WR)
        guest.turn()
        #expect(guest.take()?.payload == [1])
        let packet = try #require(guest.take())
        #expect(packet.operation == .shutdown)
        #expect(packet.header.flags == 2)
        guest.send(guest.header(.readWrite, from: 1000, to: 80), [3])
        #expect(host.read() == [3])
        host.close()
        guest.turn()
        #expect(guest.take()?.header.flags == 3)
    }

    @Test func aHostThatReadsNoMoreTakesNothing() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        host.shutDown(SHUT_RD)
        for _ in 0..<20 { guest.send(guest.header(.readWrite, from: 1000, to: 80), Self.pattern) }
        let packet = try #require(guest.take())
        #expect(packet.operation == .shutdown)
        #expect(packet.header.flags == 1)
        host.write([1])
        guest.turn()
        #expect(guest.take()?.payload == [1])
        #expect(guest.connections.connectionCount == 1)
    }

    @Test func aGuestThatReadsNoMoreIsSentNothing() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        var shutdown = guest.header(.shutdown, from: 1000, to: 80)
        shutdown.flags = 1
        guest.send(shutdown)
        #expect(host.write([1]) == -1)
        guest.turn()
        #expect(guest.take() == nil)
        host.close()
        guest.turn()
        #expect(guest.take()?.header.flags == 3)
    }

    @Test func aClosedHostWhoseEndNobodyConfirmsIsForgotten() throws {
        var limits = VsockLimits()
        limits.closing = 20_000_000
        limits.tick = 5_000_000
        let guest = try VsockGuest(limits: limits)
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        host.close()
        #expect(guest.lastOperation() == .reset)
    }

    @Test func bytesBeyondTheCreditEndTheConnection() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        // The host's program does not read: its socket fills, then our room.
        var last: VsockOperation?
        for _ in 0..<10 {
            guest.send(guest.header(.readWrite, from: 1000, to: 80), Self.pattern)
            while let packet = guest.take() { last = packet.operation }
        }
        #expect(last == .reset)
        #expect(guest.connections.connectionCount == 0)
        _ = host.read()
    }

    @Test func aGuestWithoutRoomIsAskedOnce() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        host.write([UInt8](repeating: 1, count: 100))
        guest.turn()
        var update = guest.header(.creditUpdate, from: 1000, to: 80)
        update.bufferAllocation = 40
        guest.send(update)
        #expect(guest.take()?.payload.count == 40)
        #expect(guest.take()?.operation == .creditRequest)
        #expect(guest.take() == nil)
        update.forwardCount = 40
        guest.send(update)
        #expect(guest.take()?.payload.count == 40)
        // What it says that it read was never sent.
        update.forwardCount = 4_000_000
        guest.send(update)
        #expect(guest.take()?.operation == .creditRequest)
        #expect(guest.take() == nil)
    }

    @Test func aPortThatIsInUseIsNotAnotherConnection() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let host = try guest.connect(to: listener, port: 80)
        guest.send(guest.header(.request, from: 1000, to: 80))
        #expect(guest.take()?.operation == .reset)
        #expect(host.read() == [])
        #expect(guest.connections.connectionCount == 0)
        _ = try guest.connect(to: listener, port: 80)
    }

    @Test func moreConnectionsThanTheLimitAreRefused() throws {
        var limits = VsockLimits()
        limits.connections = 3
        let guest = try VsockGuest(limits: limits)
        let listener = try guest.listen(port: 80)
        var hosts: [HostEnd] = []
        for port in 0..<3 as Range<UInt32> { hosts.append(try guest.connect(from: port, to: listener, port: 80)) }
        guest.send(guest.header(.request, from: 3, to: 80))
        #expect(guest.take()?.operation == .reset)
        #expect(throws: VsockGuest.Failure.self) { _ = try guest.request(port: 1) }
        guest.send(guest.header(.reset, from: 0, to: 80))
        hosts.append(try guest.connect(from: 3, to: listener, port: 80))
        #expect(guest.connections.connectionCount == 3)
    }

    @Test func aFloodOfRequestsIsHeldBack() throws {
        var limits = VsockLimits()
        limits.resets = 10
        let guest = try VsockGuest(limits: limits)
        var sent: UInt32 = 0
        while guest.connections.canReceive, sent < 100 {
            guest.send(guest.header(.request, from: sent, to: 80))
            sent += 1
        }
        #expect(sent == 10)
        for port in 0..<10 as Range<UInt32> { #expect(guest.take()?.header.destination.port == port) }
        #expect(guest.connections.canReceive)
    }

    @Test func aHostWithoutRoomIsAskedAgain() throws {
        var limits = VsockLimits()
        limits.tick = 5_000_000
        let guest = try VsockGuest(limits: limits)
        let listener = try guest.listen(port: 80)
        Glibc.listen(listener.descriptor.rawValue, 0)
        guest.send(guest.header(.request, from: 1, to: 80))
        #expect(guest.take()?.operation == .response)
        guest.send(guest.header(.request, from: 2, to: 80))
        #expect(guest.take() == nil)
        _ = try listener.accept()
        var answer: VsockGuest.Packet?
        let isAnswered = guest.turn {
            while let packet = guest.take() { if packet.header.destination.port == 2 { answer = packet } }
            return answer != nil
        }
        #expect(isAnswered)
        #expect(answer?.operation == .response)
    }

    @Test func connectionsTakeTurns() throws {
        let guest = try VsockGuest()
        let listener = try guest.listen(port: 80)
        let hosts = try (0..<3 as Range<UInt32>).map { try guest.connect(from: $0, to: listener, port: 80) }
        for host in hosts { host.write([UInt8](repeating: 0, count: 300)) }
        guest.turn()
        let order = (0..<6).map { _ in guest.take(room: 100)?.header.destination.port }
        #expect(Set(order[..<3]).count == 3)
        #expect(Array(order[..<3]) == Array(order[3...]))
    }

    /// Whatever the guest sends, the switch stands, keeps to its limits and serves on.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func anythingMayCome(seed: UInt64) throws {
        var limits = VsockLimits()
        limits.connections = 20
        limits.tick = 1_000_000
        limits.requesting = 3_000_000
        limits.closing = 3_000_000
        let guest = try VsockGuest(limits: limits)
        let listener = try guest.listen(port: 1)
        var hosts: [HostEnd] = []
        var requests: [VsockHeader] = []
        var random = Sequence(state: seed)
        for _ in 0..<3000 {
            var header = guest.header(.request, from: random.next(4), to: 1 + random.next(8) / 7)
            header.operation = VsockOperation(rawValue: UInt16(random.next(9)))
            header.flags = random.next(4)
            header.bufferAllocation = [0, 1, 5000, .max, random.next(.max)][Int(random.next(5))]
            header.forwardCount = random.next(2) == 0 ? 0 : random.next(.max)
            if random.next(50) == 0 { header.type = UInt16(random.next(3)) }
            if guest.connections.canReceive {
                guest.send(header, [UInt8](repeating: 1, count: Int(random.next(70_000) * random.next(2))))
            }
            if let descriptor = try listener.accept() { hosts.append(HostEnd(descriptor)) }
            if !hosts.isEmpty {
                let index = Int(random.next(UInt32(hosts.count)))
                switch random.next(8) {
                case 0: hosts.remove(at: index).close()
                case 1: hosts[index].shutDown(SHUT_WR)
                case 2: hosts[index].shutDown(SHUT_RD)
                case 3, 4: hosts[index].write([UInt8](repeating: 2, count: Int(random.next(9000))))
                default: _ = hosts[index].read()
                }
            }
            if random.next(20) == 0, let (host, request) = try? guest.request(port: random.next(4)) {
                hosts.append(host)
                requests.append(request)
                if random.next(2) == 0 {
                    guest.send(guest.header(.response, from: request.destination.port, to: request.source.port))
                }
            }
            if random.next(3) > 0 { guest.turn() }
            for _ in 0..<random.next(3) { _ = guest.take(room: 1 + Int(random.next(5000))) }
            #expect(guest.connections.connectionCount <= limits.connections)
        }
        while guest.take() != nil {}
        for port in 0..<4 as Range<UInt32> {
            for hostPort in [1, 2] + requests.map(\.source.port) {
                guest.send(guest.header(.reset, from: port, to: hostPort))
            }
        }
        hosts.removeAll()
        while let extra = try listener.accept() { _ = extra.rawValue }
        #expect(guest.turn { guest.connections.connectionCount == 0 })
        while guest.take() != nil {}
        let host = try guest.connect(from: 99, to: listener, port: 1)
        guest.send(guest.header(.readWrite, from: 99, to: 1), [1, 2, 3])
        #expect(host.read() == [1, 2, 3])
    }

    /// A reproducible sequence of numbers (an LCG's high bits).
    private struct Sequence {
        var state: UInt64

        /// - Returns: a number below `bound`.
        mutating func next(_ bound: UInt32) -> UInt32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt32(truncatingIfNeeded: state >> 33) % bound
        }
    }
}
