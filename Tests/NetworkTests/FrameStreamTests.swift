import CLinux
import Glibc
import Linux
import Network
import Testing

struct FrameStreamTests {
    /// A stream of frames, and the other end of its socket.
    private struct Ends: ~Copyable {
        let channel: FrameChannel
        let peer: OwnedDescriptor

        init() throws {
            let (ours, theirs) = try makeSocketPair(CInt(SOCK_STREAM.rawValue))
            channel = .stream(FrameStream(descriptor: OwnedDescriptor(adopting: ours)))
            peer = OwnedDescriptor(adopting: theirs)
        }

        func write(_ bytes: [UInt8]) { #expect(Glibc.write(peer.rawValue, bytes, bytes.count) == bytes.count) }

        /// What the other end has received, up to `limit` bytes.
        func read(_ limit: Int = 1 << 20) -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                count = max(0, Glibc.read(peer.rawValue, buffer.baseAddress, limit))
            }
        }
    }

    private func message(_ frame: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt32(frame.count).bigEndian) { Array($0) } + frame
    }

    private func frame(_ count: Int, _ seed: Int = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + seed + $0 >> 8) }
    }

    private static let header = [UInt8](repeating: 0, count: Frame.headerLength)

    @Test func framesComeWholeHoweverTheStreamIsCut() throws {
        let ends = try Ends()
        let stream = message(frame(60)) + message(frame(14, 1)) + message(frame(1514, 2))
        var received: [[UInt8]] = []
        for byte in stream {
            ends.write([byte])
            while let frame = ends.channel.receiveBytes() { received.append(frame) }
        }
        #expect(received == [frame(60), frame(14, 1), frame(1514, 2)].map { Self.header + $0 })
    }

    @Test func theLargestFramesFollowEachOther() throws {
        let ends = try Ends()
        for seed in 0..<8 {
            let sent = frame(Frame.greatestLength, seed)
            ends.write(message(sent) + message(frame(20 + seed)).prefix(3))
            #expect(ends.channel.receiveBytes() == Self.header + sent)
            #expect(ends.channel.receiveBytes() == nil)
            ends.write(Array(message(frame(20 + seed)).dropFirst(3)))
            #expect(ends.channel.receiveBytes() == Self.header + frame(20 + seed))
        }
    }

    @Test func aFrameIsSpreadOverBuffersAndWhatIsLeftIsLost() throws {
        let ends = try Ends()
        ends.write(message(frame(100)) + message(frame(50, 9)))
        var parts: [[UInt8]] = [5, 0, 20, 30].map { [UInt8](repeating: 0xEE, count: $0) }
        let result = withSegments(&parts) { ends.channel.receive(into: $0) }
        #expect(result == .received(112))
        #expect(parts.flatMap { $0 } == Array((Self.header + frame(100)).prefix(55)))
        #expect(ends.channel.receiveBytes() == Self.header + frame(50, 9))
    }

    @Test(arguments: [0, 13, 65_554, 0x7FFF_FFFF, 0xFFFF_FFFF])
    func anImpossibleLengthEndsTheStream(length: UInt32) throws {
        let ends = try Ends()
        ends.write(withUnsafeBytes(of: length.bigEndian) { Array($0) } + frame(2000))
        var parts = [frame(3000)]
        #expect(withSegments(&parts) { ends.channel.receive(into: $0) } == .closed)
        #expect(withSegments(&parts) { ends.channel.receive(into: $0) } == .closed)
    }

    @Test func theHeaderIsNotSent() throws {
        let ends = try Ends()
        var parts = [frame(5), frame(7, 1), frame(1, 2), frame(99, 3)]
        #expect(withSegments(&parts) { ends.channel.send($0) } == .sent)
        #expect(ends.read() == message(frame(1, 2) + frame(99, 3)))

        var one = [frame(112)]
        #expect(withSegments(&one) { ends.channel.send($0) } == .sent)
        #expect(ends.read() == message(Array(frame(112).dropFirst(12))))
    }

    @Test(arguments: [0, 12, 25, 12 + 65_554, 1 << 20])
    func framesOfImpossibleLengthsAreRefused(count: Int) throws {
        let ends = try Ends()
        var parts = [frame(count)]
        #expect(withSegments(&parts) { ends.channel.send($0) } == .refused)
        var good = [frame(26)]
        #expect(withSegments(&good) { ends.channel.send($0) } == .sent)
        #expect(ends.read() == message(Array(frame(26).dropFirst(12))))
    }

    /// An Ethernet frame with an IPv4 or an IPv6 header for an address.
    private func packet(for address: [UInt8]) -> [UInt8] {
        let isOld = address.count == 4
        let header = [UInt8](repeating: 0x45, count: isOld ? 16 : 24)
        return [UInt8](repeating: 2, count: 12) + (isOld ? [0x08, 0] : [0x86, 0xDD]) + header + address + frame(30)
    }

    /// passt would make the connection to the host's own loopback interface.
    @Test(
        arguments: [
            [127, 0, 0, 1], [127, 0, 0, 53], [127, 255, 255, 254], [0, 0, 0, 0], [0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1],
        ] as [[UInt8]])
    func theHostsLoopbackInterfaceIsOutOfReach(address: [UInt8]) throws {
        let ends = try Ends()
        let bytes = Self.header + packet(for: address)
        for size in [1, 7, 12, 13, 42, 200] {
            var parts = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(withSegments(&parts) { ends.channel.send($0) } == .refused)
        }
        var good = [Self.header + frame(26)]
        #expect(withSegments(&good) { ends.channel.send($0) } == .sent)
        #expect(ends.read() == message(frame(26)))
    }

    @Test(
        arguments: [
            [10, 0, 2, 2], [128, 0, 0, 1], [126, 255, 255, 255], [255, 255, 255, 255], [192, 0, 2, 127],
            [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            [0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
            [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1],
        ] as [[UInt8]])
    func whateverElseIsSentAsItIs(address: [UInt8]) throws {
        let ends = try Ends()
        let packet = packet(for: address)
        let bytes = Self.header + packet
        for size in [1, 7, 12, 13, 42, 200] {
            var parts = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(withSegments(&parts) { ends.channel.send($0) } == .sent)
            #expect(ends.read() == message(packet))
        }
    }

    @Test func framesThatFitInPartAreSentWholeLater() throws {
        let ends = try Ends()
        var sent: [UInt8] = []
        var sentCount = 0
        while true {
            var parts = [frame(12), frame(30_001, sentCount)]
            let result = withSegments(&parts) { ends.channel.send($0) }
            if result == .blocked { break }
            #expect(result == .sent)
            sent += message(frame(30_001, sentCount))
            sentCount += 1
        }
        #expect(sentCount > 1)
        var received: [UInt8] = []
        while received.count < sent.count {
            received += ends.read(10_000)
            ends.channel.flush()
        }
        #expect(received == sent)
        var more = [frame(40)]
        #expect(withSegments(&more) { ends.channel.send($0) } == .sent)
    }

    @Test func aPeerThatIsGoneClosesIt() throws {
        let (ours, theirs) = try makeSocketPair(CInt(SOCK_STREAM.rawValue))
        let channel = FrameChannel.stream(FrameStream(descriptor: OwnedDescriptor(adopting: ours)))
        close(theirs)
        var parts = [frame(100)]
        #expect(withSegments(&parts) { channel.send($0) } == .closed)
        #expect(withSegments(&parts) { channel.receive(into: $0) } == .closed)
    }

    /// What could not be sent before the other end went away must not hide that it has.
    @Test func anEndWithAFrameHalfSentIsNoticed() throws {
        let (ours, theirs) = try makeSocketPair(CInt(SOCK_STREAM.rawValue))
        let channel = FrameChannel.stream(FrameStream(descriptor: OwnedDescriptor(adopting: ours)))
        var parts = [Self.header + frame(60_000)]
        while !channel.hasUnsent { #expect(withSegments(&parts) { channel.send($0) } == .sent) }
        close(theirs)
        channel.flush()
        #expect(withSegments(&parts) { channel.send($0) } == .closed)
    }
}
