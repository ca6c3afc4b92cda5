import CLinux
import Foundation
import Glibc
import Linux
import Network
import Testing

private let canMakeTaps: Bool = {
    (try? TapInterface(name: "swlprobe\(getpid() % 10000)")) != nil
}()

@Suite(.enabled(if: canMakeTaps, "making tap interfaces takes /dev/net/tun and CAP_NET_ADMIN"))
struct TapInterfaceTests {
    /// A name of its own for each test.
    private let name = "swl\(UInt32.random(in: .min ... .max))".prefix(15).description

    private func ip(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["ip"] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "ip \(arguments.joined(separator: " "))")
    }

    private func problem(_ body: () throws -> Void) -> TapError? {
        do {
            try body()
            return nil
        } catch {
            return error as? TapError
        }
    }

    @Test func aNewOneLivesAsLongAsItsOwner() throws {
        do {
            let tap = try TapInterface(name: name)
            #expect(if_nametoindex(name) != 0)
            #expect(tap.channels.count == 1)
            #expect(tap.mtu == nil)
            #expect(tap.offloads.isSuperset(of: [.checksum, .tcp4, .tcp6]))
        }
        #expect(if_nametoindex(name) == 0)
    }

    @Test func framesPassBothWaysWithTheirHeaders() throws {
        let tap = try TapInterface(name: name)
        try ip("addr", "add", "198.51.100.1/24", "dev", name)
        try ip("link", "set", name, "up")
        // Who has 198.51.100.1? The host answers.
        let request: [UInt8] =
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 7, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]
            + [2, 0, 0, 0, 0, 7, 198, 51, 100, 2, 0, 0, 0, 0, 0, 0, 198, 51, 100, 1]
        var parts = [[UInt8](repeating: 0, count: Frame.headerLength) + request]
        #expect(withSegments(&parts) { tap.channels[0].send($0) } == .sent)

        var answer: [UInt8]?
        for _ in 0..<60_000 where answer == nil {
            if let frame = tap.channels[0].receiveBytes(), frame[24...25] == [8, 6] {
                answer = frame
            } else {
                usleep(1000)
            }
        }
        let frame = try #require(answer).dropFirst(Frame.headerLength)
        #expect(frame.prefix(6) == [2, 0, 0, 0, 0, 7])
        #expect(Array(frame.dropFirst(28).prefix(4)) == [198, 51, 100, 1])
    }

    @Test func aFrameWithABadHeaderIsRefused() throws {
        let tap = try TapInterface(name: name)
        try ip("link", "set", name, "up")
        // A partial checksum that starts beyond the frame's end.
        var parts = [[1, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 60)]
        #expect(withSegments(&parts) { tap.channels[0].send($0) } == .refused)
        var short = [[UInt8](repeating: 0, count: 5)]
        #expect(withSegments(&short) { tap.channels[0].send($0) } == .refused)
    }

    @Test func aRemovedOneCloses() throws {
        let tap = try TapInterface(name: name)
        try ip("link", "del", name)
        var parts = [[UInt8](repeating: 0, count: 72)]
        #expect(withSegments(&parts) { tap.channels[0].send($0) } == .closed)
        #expect(withSegments(&parts) { tap.channels[0].receive(into: $0) } == .closed)
        tap.setCarrier(up: false)
        tap.setReceiveOffloads([.checksum])
    }

    @Test func itsMTUIsToldUnlessUsual() throws {
        try ip("tuntap", "add", name, "mode", "tap")
        defer { try? ip("link", "del", name) }
        try ip("link", "set", name, "mtu", "9000")
        #expect(try TapInterface(name: name).mtu == 9000)
        #expect(try TapInterface(name: name, mtu: 1400).mtu == 1400)
        let now = try String(contentsOfFile: "/sys/class/net/\(name)/mtu", encoding: .utf8)
        #expect(now == "1400\n")
    }

    @Test func carrierFollowsTheGuestsLink() throws {
        let tap = try TapInterface(name: name)
        try ip("link", "set", name, "up")
        func carrier() throws -> String {
            try String(contentsOfFile: "/sys/class/net/\(name)/carrier", encoding: .utf8)
        }
        #expect(try carrier() == "1\n")
        tap.setCarrier(up: false)
        #expect(try carrier() == "0\n")
        tap.setCarrier(up: true)
        #expect(try carrier() == "1\n")
    }

    @Test func severalQueuesTakeTurns() throws {
        let tap = try TapInterface(name: name, queues: 4)
        #expect(attached(tap) == [true, true, true, true])
        tap.setChannelCount(1)
        #expect(attached(tap) == [true, false, false, false])
        tap.setChannelCount(3)
        #expect(attached(tap) == [true, true, true, false])
        tap.setChannelCount(0)
        #expect(attached(tap) == [true, false, false, false])
        tap.setChannelCount(5)
        #expect(attached(tap) == [true, true, true, true])
    }

    private func attached(_ tap: TapInterface) -> [Bool] {
        tap.channels.map { channel in
            var request = ifreq()
            _ = ioctl(channel.descriptor, kTUNGETIFF, &request)
            return CInt(request.ifr_ifru.ifru_flags) & IFF_DETACH_QUEUE == 0
        }
    }

    @Test func aDescriptorIsTakenOver() throws {
        let descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC)
        var request = ifreq()
        withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: name.utf8) }
        request.ifr_ifru.ifru_flags = Int16(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)
        try #require(ioctl(descriptor, kTUNSETIFF, &request) == 0)
        do {
            let tap = try TapInterface(descriptor: descriptor, mtu: 9000)
            #expect(tap.name == name)
            #expect(tap.mtu == 9000)
            #expect(tap.channels[0].receiveBytes() == nil)
        }
        // A child that another test starts has it, too, until it becomes its program.
        for _ in 0..<500 where if_nametoindex(name) != 0 { usleep(10_000) }
        #expect(if_nametoindex(name) == 0)
    }

    @Test func descriptorsOfOtherThingsAreRefused() throws {
        #expect(
            problem { _ = try TapInterface(descriptor: 9999) } == .descriptor(9999, problem: "it is not open"))
        let (one, other) = try makeSocketPair(CInt(SOCK_STREAM.rawValue))
        defer { _ = (close(one), close(other)) }
        #expect(
            problem { _ = try TapInterface(descriptor: one) } == .descriptor(one, problem: "it is not that of a tap"))
        // It is not closed then.
        #expect(fcntl(one, F_GETFD) >= 0)
        let bare = open("/dev/net/tun", O_RDWR)
        defer { close(bare) }
        var request = ifreq()
        withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: name.utf8) }
        request.ifr_ifru.ifru_flags = Int16(IFF_TAP | IFF_NO_PI)
        try #require(ioctl(bare, kTUNSETIFF, &request) == 0)
        #expect(
            problem { _ = try TapInterface(descriptor: bare) }
                == .descriptor(bare, problem: "its interface '\(name)' is in another mode"))
    }

    @Test func oneThatIsInUseIsBusy() throws {
        let tap = try TapInterface(name: name)
        #expect(problem { _ = try TapInterface(name: name) } == .busy(name))
        withExtendedLifetime(tap) {}
    }

    @Test func otherInterfacesAreNotTaps() throws {
        #expect(problem { _ = try TapInterface(name: "lo") } == .notTap("lo"))
        try ip("tuntap", "add", name, "mode", "tun")
        defer { try? ip("link", "del", name) }
        #expect(problem { _ = try TapInterface(name: name) } == .notTap(name))
    }

    @Test func aSingleQueueIsNotSeveral() throws {
        try ip("tuntap", "add", name, "mode", "tap")
        defer { try? ip("link", "del", name) }
        #expect(problem { _ = try TapInterface(name: name, queues: 2) } == .singleQueue(name))
    }

    @Test func aMultiQueueInterfaceServesOneQueueToo() throws {
        try ip("tuntap", "add", name, "mode", "tap", "multi_queue")
        defer { try? ip("link", "del", name) }
        #expect(try TapInterface(name: name).channels.count == 1)
    }

    @Test(arguments: ["", "sixteen-bytes-xx", "a/b", "a b", ".", "..", "a:b", "tap%d", "a\u{0}b"])
    func impossibleNames(name: String) {
        #expect(problem { _ = try TapInterface(name: name) } == .name(name))
    }
}
