import Devices
import Glibc
import Linux
import MachineConfiguration
import Network
import VirtioTesting

extension DeviceTarget where Device == NetDevice {
    /// Frames of several lengths wait for the guest, and what it sends is thrown away.
    static var net: DeviceTarget {
        DeviceTarget(
            queueCount: 3,
            make: { NetDevice(try FuzzBackend(), .init(mac: MACAddress([2, 0, 0, 0, 0, 1]))) },
            drive: { queues in
                let buffers = GuestImage.buffers
                try queues[0].add([.writable(buffers, 40), .writable(buffers + 64, 100)])
                try queues[0].add([.writable(buffers + 256, 1024)])
                try queues[1].add([.readable(buffers, 12), .readable(buffers + 12, 60)])
                // Everything to pass, then a table of no addresses.
                try queues[2].memory.write([0, 0, 1], at: buffers + 2048)
                try queues[2].memory.write([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], at: buffers + 2064)
                try queues[2].add([.readable(buffers + 2048, 3), .writable(buffers + 2080, 1)])
                try queues[2].add([.readable(buffers + 2064, 10), .writable(buffers + 2081, 1)])
            })
    }
}

private final class FuzzBackend: NetworkBackend {
    let channels: [FrameChannel]
    let offloads: Offloads = [.checksum, .tcp4, .tcp6, .udp]
    let mtu: UInt16? = 9000
    private let peer: OwnedDescriptor

    init() throws {
        var pair: [CInt] = [-1, -1]
        let type = CInt(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        try systemCall("socketpair") { socketpair(AF_UNIX, type, 0, &pair) }
        channels = [.tap(TapQueue(descriptor: OwnedDescriptor(adopting: pair[0])))]
        peer = OwnedDescriptor(adopting: pair[1])
        for length in [72, 1514, 10, 40_000, 100] {
            let frame = [UInt8](repeating: 0xFF, count: length)
            try systemCall("write") { write(peer.rawValue, frame, frame.count) }
        }
    }

    func setReceiveOffloads(_ offloads: Offloads) {}
    func setCarrier(up: Bool) {}
    func setChannelCount(_ count: Int) {}
    func end() -> String { "the end" }
}
