import CLinux
import Devices
import Glibc
import GuestMemory
import Linux
import Storage
import Virtio
import VirtioTesting

/// Each type of device, with what good drivers put into its queues.
extension FuzzTarget where Self == DeviceTarget<EntropyDevice> {
    static var entropy: Self {
        DeviceTarget(
            queueCount: 1, make: { EntropyDevice() },
            drive: { queues in
                try queues[0].add([.writable(GuestImage.buffers, 64), .writable(GuestImage.buffers + 64, 512)])
            })
    }
}

extension FuzzTarget where Self == DeviceTarget<BlockDevice> {
    static var block: Self {
        let path = "/dev/shm/swiftlet-fuzz.\(getpid())"
        return DeviceTarget(
            queueCount: 2,
            make: {
                let file = try OwnedDescriptor.open(path, O_RDWR | O_CREAT)
                try systemCall("ftruncate") { ftruncate(file.rawValue, 1 << 20) }
                var settings = BlockSettings(serial: "serial")
                settings.queueCount = 2
                settings.queueSize = GuestImage.queueSize
                settings.engineMode = .plain
                let image = try RawImage(path: path, readOnly: false, direct: false)
                // What is open stays usable, and nothing is left of it in the end.
                unlink(path)
                return try BlockDevice(image: image, settings)
            },
            drive: { queues in
                let (header, data) = (GuestImage.buffers, GuestImage.buffers + 0x400)
                /// Read, write, flush, identify, discard, write zeroes.
                for (number, type) in ([0, 1, 4, 8, 11, 13] as [UInt32]).enumerated() {
                    let memory = queues[0].memory
                    let place = header + 64 * UInt64(number)
                    try memory.store(type, at: place)
                    try memory.store(UInt64(number), at: place + 8)
                    try memory.store(UInt32(8), at: data + 8)
                    let length: UInt32 = type > 8 ? 16 : type == 8 ? 20 : 512
                    let isRead = type == 0 || type == 8
                    let buffer: GuestQueue.Buffer = isRead ? .writable(data, length) : .readable(data, length)
                    try queues[number % 2].add([.readable(place, 16), buffer, .writable(place + 32, 1)])
                }
            })
    }
}

extension FuzzTarget where Self == DeviceTarget<VsockDevice> {
    static var vsock: Self {
        let path = "/dev/shm/swiftlet-fuzz-vsock.\(getpid())"
        return DeviceTarget(
            queueCount: 3, make: { VsockDevice(guestCID: 3, listener: try UnixListener(path: path)) },
            drive: { queues in
                for index in 0..<4 as Range<UInt64> {
                    try queues[0].add([.writable(GuestImage.buffers + 0x800 + index * 256, 256)])
                }
                // A request, data, a credit update and an end.
                for (index, operation) in ([1, 5, 6, 4] as [UInt16]).enumerated() {
                    let place = GuestImage.buffers + 64 * UInt64(index)
                    let memory = queues[1].memory
                    try memory.store(UInt64(3), at: place)
                    try memory.store(UInt64(2), at: place + 8)
                    try memory.store(UInt32(1000), at: place + 16)
                    try memory.store(UInt32(80), at: place + 20)
                    try memory.store(UInt32(operation == 5 ? 16 : 0), at: place + 24)
                    try memory.store(UInt16(1), at: place + 28)
                    try memory.store(operation, at: place + 30)
                    try memory.store(UInt32(1 << 16), at: place + 36)
                    try queues[1].add([.readable(place, 44), .readable(GuestImage.buffers + 0x400, 16)])
                }
            })
    }
}

extension FuzzTarget where Self == DeviceTarget<BalloonDevice> {
    static var balloon: Self {
        DeviceTarget(
            queueCount: 4,
            make: { BalloonDevice(ledger: BalloonLedger(), memorySize: GuestImage.size, statisticsInterval: 1) },
            drive: { queues in
                let memory = queues[0].memory
                for index in 0..<4 as Range<UInt64> {
                    try memory.store(UInt32(12 + index), at: GuestImage.buffers + 4 * index)
                }
                try queues[0].add([.readable(GuestImage.buffers, 16)])
                try queues[1].add([.readable(GuestImage.buffers, 8)])
                try memory.store(UInt16(4), at: GuestImage.buffers + 64)
                try memory.store(UInt64(1 << 20), at: GuestImage.buffers + 66)
                try queues[2].add([.readable(GuestImage.buffers + 64, 20)])
                try queues[3].add([.writable(0xC000, 0x1000)])
            })
    }
}

extension FuzzTarget where Self == DeviceTarget<ConsoleDevice> {
    static var console: Self {
        DeviceTarget(
            queueCount: 6,
            make: { ConsoleDevice(console: try ConsoleLink(console: Console()), ports: [("port", NullPeer())]) },
            drive: { queues in
                let memory = queues[0].memory
                for index in [0, 2, 4] { try queues[index].add([.writable(GuestImage.buffers + 0x800, 64)]) }
                try queues[1].add([.readable(GuestImage.buffers, 64)])
                try queues[5].add([.readable(GuestImage.buffers, 64)])
                // DEVICE_READY, PORT_READY and PORT_OPEN.
                for (index, event) in ([0, 3, 6] as [UInt16]).enumerated() {
                    let place = GuestImage.buffers + 0x100 + 8 * UInt64(index)
                    try memory.store(UInt32(index / 2), at: place)
                    try memory.store(event, at: place + 4)
                    try memory.store(UInt16(1), at: place + 6)
                    try queues[3].add([.readable(place, 8)])
                }
            })
    }
}

/// The host's side of a port: takes all output, and has a little input.
private final class NullPeer: PortPeer {
    let isConnected = true
    private var input = 100

    func attach(to loop: EventLoop, changed: @escaping () -> Void) {}

    func write(_ output: SegmentList) -> Int { output.byteCount }

    func read(into input: SegmentList) -> Int {
        let count = min(input.byteCount, self.input)
        self.input -= count
        return [UInt8](repeating: 7, count: count).withUnsafeBytes { input.write($0) }
    }
}
