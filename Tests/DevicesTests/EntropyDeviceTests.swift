import Devices
import Testing
import Virtio
import VirtioTesting

struct EntropyDeviceTests {
    @Test func givesRandomBytes() throws {
        let device = try TestDevice(EntropyDevice())
        let queue = device.start(queues: 1)[0]
        try queue.add([.writable(0x10_0000, 4096), .writable(0x20_0001, 100)])
        device.notify(0)
        #expect(try device.nextUsed(of: queue) == .init(head: 0, written: 4196))
        let bytes = Array(try device.memory.bytes(at: 0x10_0000, count: 4096))
        #expect(Set(bytes).count > 200)
        #expect(device.read(0x60) == 1)
    }

    @Test func givesAtMost64KiB() throws {
        let device = try TestDevice(EntropyDevice())
        let queue = device.start(queues: 1)[0]
        try queue.add([.writable(0x10_0000, 1 << 20)])
        device.notify(0)
        #expect(try device.nextUsed(of: queue)?.written == 64 << 10)
        #expect(try device.memory.load(at: 0x11_0000, as: UInt64.self) == 0)
    }

    @Test func aLoopNeedsAReset() throws {
        let device = try TestDevice(EntropyDevice())
        var queue = device.start(queues: 1)[0]
        try queue.setDescriptor(0, address: 0x10_0000, length: 16, flags: 3, next: 0)
        try queue.expose(head: 0)
        device.notify(0)
        #expect(device.wait { device.status.contains(.needsReset) })
        #expect(device.read(0x60) == 2)
        #expect(device.reports == ["a chain longer than the queue"])

        queue = device.start(queues: 1)[0]
        #expect(!device.status.contains(.needsReset))
        try queue.add([.writable(0x10_0000, 8)])
        device.notify(0)
        #expect(try device.nextUsed(of: queue)?.written == 8)
    }
}
