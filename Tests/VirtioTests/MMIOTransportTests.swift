import CLinux
import Glibc
import GuestMemory
import Linux
import Synchronization
import Testing
import VirtioTesting

@testable import Virtio

/// The register map, and the rules behind it that need a device at work.
struct MMIOTransportTests {
    private let allStatus: DeviceStatus = [.acknowledge, .driver, .featuresOK, .driverOK]

    private func made() throws -> (TestDevice, EchoDevice.Control) {
        let control = EchoDevice.Control()
        return (try TestDevice(EchoDevice(control)), control)
    }

    @Test func presentsTheDevice() throws {
        let (device, _) = try made()
        #expect(device.read(0x00) == 0x7472_6976)
        #expect(device.read(0x04) == 2)
        #expect(device.read(0x08) == 4)
        #expect(device.read(0x0FC) == 0)
        #expect(device.read(0x34) == 16)
        device.write(0x30, 1)
        #expect(device.read(0x34) == 4)
        device.write(0x30, 2)
        #expect(device.read(0x34) == 0)
        #expect(device.read(0xB0) == .max)
        #expect(device.read(0xBC) == .max)
    }

    @Test func servesAChain() throws {
        let (device, _) = try made()
        let queue = device.start(queues: 1)[0]
        #expect(device.status == allStatus)
        try device.memory.write(Array("hello".utf8), at: 0x10_0000)
        try queue.add([.readable(0x10_0000, 5), .writable(0x10_1000, 8)])
        device.notify(0)
        #expect(try device.nextUsed(of: queue) == .init(head: 0, written: 5))
        #expect(Array(try device.memory.bytes(at: 0x10_1000, count: 5)) == Array("hello".utf8))
        let wasInterrupted = device.interrupt.counter.drain()
        #expect(wasInterrupted)
        #expect(device.read(0x60) == 1)
        device.write(0x64, 1)
        #expect(device.read(0x60) == 0)
    }

    /// Queue 1 is looked at while it is busy: chains are served whether notified of or not.
    @Test func aPolledQueueLosesNothing() throws {
        let (device, _) = try made()
        let queue = device.start(queues: 2, size: 4)[1]
        for round in 0..<5000 {
            let head = try queue.add([.readable(0x10_0000, 1), .writable(0x10_1000, 1)])
            // As a driver does that was asked for notifications by the event index.
            full_memory_barrier()
            if queue.nextAvailable &- (try queue.availableEvent) &- 1 < 1 { device.notify(1) }
            #expect(try device.nextUsed(of: queue) == .init(head: UInt32(head), written: 1))
            if round % 100 == 0 { usleep(200) }
        }
        device.status = []
    }

    @Test func aPolledQueueThatItsDeviceIgnoresIsLeftAlone() throws {
        let (device, control) = try made()
        let queue = device.start(queues: 2, size: 4)[1]
        control.value.withLock { $0.ignoresQueues = true }
        try queue.add([.writable(0x10_0000, 8)])
        device.notify(1)
        #expect(device.isIdle)
        control.value.withLock { $0.ignoresQueues = false }
        device.notify(1)
        #expect(try device.nextUsed(of: queue) != nil)
    }

    // MARK: Widths and places

    @Test(arguments: [1, 2, 3, 8], [0, 4, 8, 0x10, 0x34, 0x44, 0x60, 0x70, 0xFC])
    func registersAreReadInWordsOnly(width: Int, offset: Int) throws {
        let (device, _) = try made()
        var bytes = [UInt8](repeating: 0xAA, count: width)
        bytes.withUnsafeMutableBytes { device.transport.read(at: offset, into: $0) }
        #expect(bytes == [UInt8](repeating: 0, count: width))
    }

    @Test(arguments: [1, 2, 3, 8])
    func registersAreWrittenInWordsOnly(width: Int) throws {
        let (device, _) = try made()
        [UInt8](repeating: 1, count: width).withUnsafeBytes { device.transport.write(at: 0x70, $0) }
        #expect(device.status == [])
    }

    @Test func everyOffsetCanBeReadAndWritten() throws {
        let (device, _) = try made()
        for width in 1...8 {
            for offset in 0..<(0x1000 - width + 1) where offset != 0x70 {
                var bytes = [UInt8](repeating: 0xFF, count: width)
                bytes.withUnsafeMutableBytes { device.transport.read(at: offset, into: $0) }
                bytes.withUnsafeBytes { device.transport.write(at: offset, $0) }
            }
        }
        let queue = device.start(queues: 1)[0]
        try queue.add([.writable(0x10_0000, 8)])
        device.notify(0)
        #expect(try device.nextUsed(of: queue) != nil)
    }

    @Test func configurationIsReadAtAnyWidth() throws {
        let (device, _) = try made()
        #expect(device.configuration(at: 0, as: UInt32.self) == 0x4433_2211)
        #expect(device.configuration(at: 3, as: UInt16.self) == 0x5544)
        #expect(device.configuration(at: 7, as: UInt8.self) == 0x88)
        #expect(device.configuration(at: 7, as: UInt32.self) == 0x88)
        #expect(device.configuration(at: 0xE00, as: UInt64.self) == 0)
    }

    @Test func onlyTheDriversPartOfTheConfigurationIsWritten() throws {
        let (device, control) = try made()
        device.setConfiguration(at: 0, UInt32(0))
        device.setConfiguration(at: 3, UInt16(0))
        device.setConfiguration(at: 7, UInt16(0))
        #expect(device.configuration(at: 0, as: UInt64.self) == 0x8877_6655_4433_2211)
        device.setConfiguration(at: 4, UInt32(0xABCD))
        #expect(device.configuration(at: 4, as: UInt32.self) == 0xABCD)
        device.settle()
        #expect(control.value.withLock { $0.configurationWrites } == 1)
    }

    // MARK: Rules

    @Test func notificationsBeforeReadinessDoNothing() throws {
        let (device, control) = try made()
        device.notify(0)
        device.negotiate()
        device.notify(0)
        device.settle()
        #expect(control.value.withLock { $0.notifications } == 0)
        #expect(device.status == [.acknowledge, .driver, .featuresOK])
    }

    @Test(arguments: [2, 0xFFFF, UInt32.max])
    func notificationsOfNoQueueDoNothing(index: UInt32) throws {
        let (device, control) = try made()
        _ = device.start(queues: 1)
        device.notify(index)
        device.settle()
        #expect(control.value.withLock { $0.notifications } == 0)
    }

    @Test func aQueueThatWasNotSetUpIsNotUsed() throws {
        let (device, control) = try made()
        _ = device.start(queues: 1)
        device.notify(1)
        device.settle()
        #expect(control.value.withLock { $0.notifications } == 0)
        #expect(device.status == allStatus)
    }

    @Test func queuesAreFrozenOnceInUse() throws {
        let (device, _) = try made()
        let queue = device.start(queues: 1)[0]
        device.write(0x30, 0)
        for register in [0x38, 0x80, 0x84, 0x90, 0x94, 0xA0, 0xA4] { device.write(register, 0xFFFF_FFFF) }
        device.write(0x44, 0)
        #expect(device.read(0x44) == 1)
        try queue.add([.writable(0x10_0000, 8)])
        device.notify(0)
        #expect(try device.nextUsed(of: queue) != nil)
    }

    @Test(arguments: [0, 3, 17, 0xFFFF, 0x1_0000, 0x1_0008] as [UInt32])
    func anUnusableSizeNeedsAReset(size: UInt32) throws {
        let (device, _) = try made()
        device.negotiate()
        device.setUp(GuestQueue(device.memory, size: 16), index: 0)
        device.write(0x38, size)
        device.becomeReady()
        #expect(device.wait { device.status.contains(.needsReset) })
        #expect(device.read(0x60) == 2)
    }

    @Test func anAreaOutsideMemoryNeedsAReset() throws {
        let (device, _) = try made()
        device.negotiate()
        device.setUp(GuestQueue(device.memory, size: 16), index: 0)
        device.write(0xA4, 0xFFFF_FFFF)
        device.becomeReady()
        #expect(device.wait { device.status.contains(.needsReset) })
    }

    @Test func aBrokenDeviceDoesNothingUntilItIsReset() throws {
        let (device, control) = try made()
        var queue = device.start(queues: 1)[0]
        try queue.expose(head: 99)
        device.notify(0)
        #expect(device.wait { device.status.contains(.needsReset) })
        let before = control.value.withLock { $0.notifications }
        for _ in 0..<10 { device.notify(0) }
        device.settle()
        #expect(control.value.withLock { $0.notifications } == before)

        queue = device.start(queues: 1)[0]
        try queue.add([.writable(0x10_0000, 8)])
        device.notify(0)
        #expect(try device.nextUsed(of: queue) != nil)
        try queue.expose(head: 99)
        device.notify(0)
        #expect(device.wait { device.status.contains(.needsReset) })
        #expect(device.reports.count == 1)
    }

    /// Whatever the driver does next comes after it, and no number of writes can pile up.
    @Test func aWriteToTheConfigurationWaitsForTheDevice() throws {
        let (device, control) = try made()
        let isBusy = ConditionLock(true)
        device.loop.perform { isBusy.wait { !$0 } }
        let isWritten = Atomic(false)
        nonisolated(unsafe) let shared = device
        let vcpu = try NativeThread(name: "vcpu") {
            shared.setConfiguration(at: 4, 7 as UInt32)
            isWritten.store(true, ordering: .relaxed)
        }
        usleep(50_000)
        let wasHeard = isWritten.load(ordering: .relaxed)
        #expect(!wasHeard)
        isBusy.withLock { $0 = false }
        vcpu.join()
        #expect(control.value.withLock { $0.configurationWrites } == 1)
    }

    @Test func aResetWaitsForRequestsInFlight() throws {
        let (device, control) = try made()
        let queue = device.start(queues: 1)[0]
        control.value.withLock { $0.holdsChains = true }
        try queue.add([.writable(0x10_0000, 8)])
        device.notify(0)
        #expect(device.wait { control.value.withLock { $0.held } == 1 })
        // The device answers 50 ms after it was asked.
        device.status = []
        #expect(control.value.withLock { $0.held } == 0)
        #expect(device.status == [])
        #expect(device.read(0x44) == 0)
    }

    @Test func resetsInARowAreHarmless() throws {
        let (device, _) = try made()
        for _ in 0..<100 { device.status = [] }
        for _ in 0..<100 {
            _ = device.start(queues: 2, size: 4)
            device.notify(0)
        }
        #expect(device.status == allStatus)
    }

    @Test func aResetClearsInterruptsAndSelections() throws {
        let (device, _) = try made()
        let queue = device.start(queues: 1)[0]
        try queue.add([.writable(0x10_0000, 8)])
        device.notify(0)
        #expect(try device.nextUsed(of: queue) != nil)
        device.write(0x30, 1)
        device.write(0x14, 1)
        device.status = []
        #expect(device.read(0x60) == 0)
        #expect(device.read(0x34) == 16)
        #expect(device.read(0x10) == 0x3000_0000)
    }
}
