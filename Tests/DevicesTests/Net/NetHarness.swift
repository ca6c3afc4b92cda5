import CLinux
import Devices
import Glibc
import GuestMemory
import Linux
import MachineConfiguration
import Network
import Synchronization
import Testing
import Virtio
import VirtioTesting

/// What a device told its back end.
final class BackendLog: Sendable {
    struct Calls: Equatable {
        var offloads: Offloads = []
        var carrier: Bool?
        var channelCount = 0
        var ends = 0
    }

    private let calls = Mutex(Calls())

    var value: Calls { calls.withLock { $0 } }

    func change(_ body: (inout Calls) -> Void) { calls.withLock { body(&$0) } }
}

/// A back end of Unix sockets: a packet is a frame with its header, as on a tap.
private final class SocketBackend: NetworkBackend {
    let channels: [FrameChannel]
    let offloads: Offloads
    let mtu: UInt16?
    private let log: BackendLog

    init(_ descriptors: [CInt], offloads: Offloads, mtu: UInt16?, log: BackendLog) {
        channels = descriptors.map { .tap(TapQueue(descriptor: OwnedDescriptor(adopting: $0))) }
        self.offloads = offloads
        self.mtu = mtu
        self.log = log
    }

    func setReceiveOffloads(_ offloads: Offloads) { log.change { $0.offloads = offloads } }
    func setCarrier(up: Bool) { log.change { $0.carrier = up } }
    func setChannelCount(_ count: Int) { log.change { $0.channelCount = count } }

    func end() -> String {
        log.change { $0.ends += 1 }
        return "the socket was closed"
    }
}

/// A network device with a test in the guest's place and at the other end of the cable.
final class NetHarness {
    static let mac = MACAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56])
    static let everyOffload: Offloads = [.checksum, .tcp4, .tcp6, .udp]
    static let feature = Features.bit
    static let mergeable = feature(15)
    static let base: Features = [feature(32), feature(28), feature(29), feature(5), feature(16)]

    let device: TestDevice
    let statistics: TrafficStatistics
    let log = BackendLog()
    private nonisolated(unsafe) let net: NetDevice
    private var peers: [CInt] = []
    private(set) var queues: [GuestQueue] = []

    /// Where receive buffers lie, and where frames to send are put.
    static let receiveArea: UInt64 = 0x10_0000
    static let transmitArea: UInt64 = 0x80_0000

    init(
        channels: Int = 1, offloads: Offloads = everyOffload, mtu: UInt16? = nil, bytesPerSecond: UInt64? = nil
    ) throws {
        var ours: [CInt] = []
        for _ in 0..<channels {
            var pair: [CInt] = [-1, -1]
            try systemCall("socketpair") {
                socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair)
            }
            ours.append(pair[0])
            peers.append(pair[1])
        }
        net = NetDevice(
            SocketBackend(ours, offloads: offloads, mtu: mtu, log: log),
            .init(mac: Self.mac, bytesPerSecond: bytesPerSecond))
        statistics = net.statistics
        nonisolated(unsafe) let device = net
        self.device = try TestDevice(device)
    }

    deinit { for peer in peers { close(peer) } }

    // MARK: The guest

    /// Makes the device ready, with all queues that it has.
    func start(size: UInt16 = 16, features: Features? = nil) {
        queues = device.start(queues: 2 * peers.count + 1, size: size, features: features)
    }

    var receive: GuestQueue { queues[0] }
    var transmit: GuestQueue { queues[1] }

    func setLink(up: Bool) {
        nonisolated(unsafe) let net = net
        device.loop.perform { net.setLink(up: up) }
        device.settle()
    }

    func setLimit(bytesPerSecond: UInt64?) {
        nonisolated(unsafe) let net = net
        device.loop.perform { net.setLimit(bytesPerSecond: bytesPerSecond) }
        device.settle()
    }

    /// Makes a frame of the guest available, in parts of these lengths; the rest is one more part.
    func add(_ packet: [UInt8], parts: [Int] = [], at address: UInt64 = transmitArea) throws {
        try device.memory.write(packet, at: address)
        var buffers: [GuestQueue.Buffer] = []
        var offset = 0
        for length in parts + [packet.count - parts.reduce(0, +)] {
            buffers.append(.readable(address + UInt64(offset), UInt32(length)))
            offset += length
        }
        try transmit.add(buffers)
    }

    /// Sends a frame of the guest, and waits until the device gives its buffers back.
    func send(_ packet: [UInt8], parts: [Int] = []) throws {
        try add(packet, parts: parts)
        device.notify(1)
        #expect(try device.nextUsed(of: transmit)?.written == 0)
    }

    /// Gives a receive buffer, by a number of which each has its own place.
    func give(_ length: Int, number: Int = 0, queue index: Int = 0) throws {
        try queues[index].add([.writable(buffer(number), UInt32(length))])
        device.notify(UInt32(index))
    }

    func buffer(_ number: Int) -> UInt64 { Self.receiveArea + UInt64(number) * 0x1_0000 }

    func contents(_ number: Int, _ count: Int) throws -> [UInt8] {
        Array(try device.memory.bytes(at: buffer(number), count: count))
    }

    /// Lets the guest give a command on the control queue.
    ///
    /// - Returns: the device's answer.
    func control(_ bytes: [UInt8]) throws -> UInt8? {
        let queue = queues[queues.count - 1]
        try device.memory.write(bytes, at: 0x70_0000)
        try device.memory.store(UInt8(0xEE), at: 0x70_8000)
        try queue.add([.readable(0x70_0000, UInt32(bytes.count)), .writable(0x70_8000, 1)])
        device.notify(UInt32(queues.count - 1))
        guard try device.nextUsed(of: queue)?.written == 1 else { return nil }
        return try device.memory.load(at: 0x70_8000)
    }

    // MARK: The network

    /// Sends a packet to the guest, with its header.
    func arrive(_ packet: [UInt8], channel: Int = 0) {
        #expect(Glibc.write(peers[channel], packet, packet.count) == packet.count)
    }

    /// The next packet from the guest, with its header; nil when none comes within `tries` times 100 µs.
    func depart(tries: Int = 600_000) -> [UInt8]? {
        let room = 1 << 17
        var packet: [UInt8]?
        for _ in 0..<tries {
            let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                count = max(0, read(peers[0], buffer.baseAddress, room))
            }
            if !bytes.isEmpty { packet = bytes }
            if packet != nil { break }
            usleep(100)
        }
        return packet
    }

    func closePeer() {
        close(peers[0])
        peers[0] = -1
    }

    /// A packet with a header, of so many bytes altogether.
    static func packet(_ count: Int, to destination: MACAddress = mac, seed: Int = 0) -> [UInt8] {
        var packet = [UInt8](repeating: 0, count: 12)
        let address = destination.bytes
        for index in address.indices { packet.append(address[index]) }
        for index in packet.count..<max(count, packet.count) {
            packet.append(UInt8(truncatingIfNeeded: index &* 31 &+ seed &+ index >> 8))
        }
        return packet
    }
}
