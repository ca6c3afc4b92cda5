import AllocationCounter
import Devices
import Linux
import Storage
import Synchronization
import Testing
import Virtio
import VirtioTesting

/// Whether `allocation_count` counts.
private let isCounting = {
    let begin = allocation_count()
    UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1).deallocate()
    return allocation_count() > begin
}()

/// Only optimised code does without: whether this is such code.
private let isOptimised = {
    var isOptimised = true
    assert(
        {
            isOptimised = false
            return true
        }())
    return isOptimised
}()

/// Once a device is at work, serving a request allocates nothing on the thread that serves it.
@Suite(.enabled(if: isCounting && isOptimised, "only optimised code does without, and a sanitizer does not count"))
struct AllocationTests {
    private static let requests = 500

    /// How often the device's thread allocates while it serves as many requests as `requests`.
    private func allocations(_ device: TestDevice, _ serve: () throws -> Void) throws -> UInt {
        for _ in 0..<Self.requests { try serve() }
        let begin = count(on: device.loop)
        for _ in 0..<Self.requests { try serve() }
        return count(on: device.loop) - begin
    }

    private func count(on loop: EventLoop) -> UInt {
        let count = ConditionLock<UInt?>(nil)
        loop.perform { count.withLock { $0 = allocation_count() } }
        count.wait { $0 != nil }
        return count.withLock { $0 } ?? 0
    }

    @Test(arguments: StorageEngine.Mode.allCases)
    func disk(_ mode: StorageEngine.Mode) throws {
        let driver = try BlockDriver([UInt8](repeating: 7, count: 1 << 20)) { $0.engineMode = mode }
        let read = [GuestQueue.Buffer.writable(BlockDriver.data, 4096)]
        let write = [GuestQueue.Buffer.readable(BlockDriver.data, 4096)]
        let count = try allocations(driver.device) {
            _ = try driver.perform(BlockDriver.RequestType.read, sector: 8, read)
            _ = try driver.perform(BlockDriver.RequestType.write, sector: 16, write)
        }
        #expect(count == 0)
    }

    @Test func network() throws {
        let net = try NetHarness()
        net.start()
        let packet = NetHarness.packet(500)
        let count = try allocations(net.device) {
            try net.give(2000)
            net.arrive(packet)
            _ = try net.device.nextUsed(of: net.receive)
            try net.send(packet)
            _ = net.depart()
        }
        #expect(count == 0)
    }

    @Test func sockets() throws {
        let rig = try VsockRig()
        let listener = try UnixListener(path: rig.path + "_7")
        let host = try rig.connectToHost(port: 7, listener: listener)
        let bytes = [UInt8](repeating: 7, count: 2000)
        var received = 0
        let count = try allocations(rig.device) {
            var header = rig.header(.readWrite, from: 1000, to: 7)
            header.forwardCount = UInt32(received)
            try rig.send(header, bytes)
            _ = try #require(try rig.device.nextUsed(of: rig.queues[1]))
            _ = host.read()
            host.write(bytes)
            // Packets without payload tell of the device's credit.
            var count = 0
            while count == 0 { count = try #require(try rig.receive()).payload.count }
            received += count
        }
        #expect(count == 0)
    }
}
