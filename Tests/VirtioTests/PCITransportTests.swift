import Glibc
import GuestMemory
import Linux
import PCI
import Synchronization
import Testing
import VirtioTesting

@testable import Virtio

/// The register map over a PCI bus; the rules behind it are those of every transport.
struct PCITransportTests {
    private func made(vectors: Int = 3) throws -> (PCIDriver, EchoDevice.Control) {
        let control = EchoDevice.Control()
        return (try PCIDriver(EchoDevice(control), vectors: vectors), control)
    }

    // MARK: Discovery

    @Test func functionIsAModernDevice() throws {
        let (driver, _) = try made()
        #expect(driver.configurationSpace(0x00, as: UInt32.self) == 0x1044_1AF4)
        #expect(driver.configurationSpace(0x08, as: UInt32.self) == 0xFF_0000 << 8 | 1)
        #expect(driver.configurationSpace(0x2C, as: UInt32.self) == 0x1044_1AF4)
        #expect(driver.configurationSpace(0x3D, as: UInt8.self) == 0, "an interrupt pin")
    }

    @Test(arguments: [(1, 0, 0x38), (2, 0x3000, 8), (3, 0x1000, 1), (4, 0x2000, 8)] as [(UInt8, UInt32, UInt32)])
    func capabilityNamesItsStructure(type: UInt8, offset: UInt32, length: UInt32) throws {
        let (driver, _) = try made()
        let capability = try #require(driver.capability(type))
        #expect(driver.configurationSpace(capability + 2, as: UInt8.self) == (type == 2 ? 20 : 16))
        #expect(driver.configurationSpace(capability + 4, as: UInt8.self) == 0, "the base address register")
        #expect(driver.configurationSpace(capability + 8, as: UInt32.self) == offset)
        #expect(driver.configurationSpace(capability + 12, as: UInt32.self) == length)
        if type == 2 { #expect(driver.configurationSpace(capability + 16, as: UInt32.self) == 4) }
    }

    @Test func commonConfigurationDescribesDeviceAndQueues() throws {
        let (driver, _) = try made()
        #expect(driver.load(0x12, as: UInt16.self) == 2)
        #expect(driver.load(0x15, as: UInt8.self) == 0)
        for (index, size) in [16, 4].enumerated() as EnumeratedSequence<[UInt16]> {
            driver.store(0x16, UInt16(index))
            #expect(driver.load(0x16, as: UInt16.self) == UInt16(index))
            #expect(driver.load(0x18, as: UInt16.self) == size)
            #expect(driver.load(0x1E, as: UInt16.self) == UInt16(index))
        }
        driver.store(0x00, UInt32(1))
        #expect(driver.load(0x04, as: UInt32.self) == 1)
        driver.store(0x00, UInt32(2))
        #expect(driver.load(0x04, as: UInt32.self) == 0)
    }

    @Test(arguments: [2, 0x7FFF, 0xFFFF] as [UInt16])
    func queueThatIsNotThereHasNothing(index: UInt16) throws {
        let (driver, _) = try made()
        driver.negotiate()
        driver.store(0x16, index)
        for (offset, value) in [(0x18, 8), (0x1A, 1), (0x1C, 1)] as [(UInt64, UInt16)] { driver.store(offset, value) }
        #expect(driver.load(0x18, as: UInt16.self) == 0)
        #expect(driver.load(0x1A, as: UInt16.self) == noVector)
        #expect(driver.load(0x1C, as: UInt16.self) == 0)
        #expect(driver.load(0x1E, as: UInt16.self) == 0)
        #expect(driver.load(0x20, as: UInt32.self) == 0)
    }

    // MARK: At work

    @Test func servesAChainAndInterruptsByItsVector() throws {
        let (driver, _) = try made()
        let queue = try driver.start()
        #expect(driver.status == 15)
        try driver.memory.write(Array("hello".utf8), at: 0x10_0000)
        try queue.add([.readable(0x10_0000, 5), .writable(0x10_1000, 8)])
        driver.notify(0)
        #expect(driver.wait { driver.isSignalled(vector: 1) })
        #expect(try queue.takeUsed() == .init(head: 0, written: 5))
        #expect(!driver.isSignalled(vector: 0))
        #expect(driver.load(0x1000, as: UInt8.self) == 0, "the interrupt status is for drivers without vectors")
    }

    @Test func driverWithoutVectorsPollsTheInterruptStatus() throws {
        let (driver, _) = try made()
        let queue = try driver.start(vector: noVector)
        try queue.add([.writable(0x10_0000, 8)])
        driver.notify(0)
        #expect(try driver.wait { try queue.usedIndex == 1 })
        #expect(driver.wait { driver.load(0x1000, as: UInt8.self) == 1 })
        #expect(driver.load(0x1000, as: UInt8.self) == 0, "reading did not clear it")
        #expect((0..<3).allSatisfy { !driver.isSignalled(vector: $0) })
    }

    @Test func brokenDeviceSaysSoByTheConfigurationVector() throws {
        let (driver, _) = try made()
        let queue = try driver.start()
        try queue.expose(head: 99)
        driver.notify(0)
        #expect(driver.wait { driver.isSignalled(vector: 0) })
        #expect(driver.status == 15 | 64)
        #expect(driver.load(0x1000, as: UInt8.self) == 2)
    }

    @Test(arguments: [3, 0x7FF, 0xFFFE, 0xFFFF] as [UInt16])
    func vectorThatCannotBeIsAnsweredByNone(vector: UInt16) throws {
        let (driver, _) = try made(vectors: 3)
        driver.negotiate()
        for register: UInt64 in [0x10, 0x1A] {
            driver.store(register, UInt16(2))
            #expect(driver.load(register, as: UInt16.self) == 2)
            driver.store(register, vector)
            #expect(driver.load(register, as: UInt16.self) == noVector)
        }
    }

    @Test func vectorsAndQueuesAreFrozenOnceInUse() throws {
        let (driver, _) = try made()
        _ = try driver.start()
        for (offset, value) in [(0x10, 2), (0x1A, 2), (0x1C, 0), (0x18, 4)] as [(UInt64, UInt16)] {
            let before = driver.load(offset, as: UInt16.self)
            driver.store(offset, value)
            #expect(driver.load(offset, as: UInt16.self) == before)
        }
        driver.store(0x20, UInt32(0))
        #expect(driver.load(0x20, as: UInt32.self) == 0x1000)
    }

    @Test func resetForgetsWhatTheDriverSaid() throws {
        let (driver, _) = try made()
        let queue = try driver.start(vector: noVector)
        try queue.add([.writable(0x10_0000, 8)])
        driver.notify(0)
        #expect(try driver.wait { try queue.usedIndex == 1 })
        driver.vectors.events[2].counter.signal()
        driver.store(0x00, UInt32(1))
        driver.store(0x16, UInt16(1))
        driver.status = 0
        #expect(driver.status == 0)
        #expect(driver.load(0x00, as: UInt32.self) == 0)
        #expect(driver.load(0x16, as: UInt16.self) == 0)
        #expect(driver.load(0x10, as: UInt16.self) == noVector)
        #expect(driver.load(0x1A, as: UInt16.self) == noVector)
        #expect(driver.load(0x1C, as: UInt16.self) == 0)
        #expect(driver.load(0x1000, as: UInt8.self) == 0)
        #expect(!driver.isSignalled(vector: 2))
    }

    // MARK: Doorbells and vectors

    @Test func doorbellsAreWiredWhileReadyWhereverTheRegionIs() throws {
        let (driver, _) = try made()
        func addresses() -> [UInt64] { driver.wiring.addresses.withLock { $0 } }
        _ = try driver.start()
        #expect(addresses() == [PCIDriver.base + 0x3000])
        driver.setConfigurationSpace(0x10, UInt32(0xD080_0000))
        #expect(addresses() == [0xD080_3000])
        driver.setConfigurationSpace(0x04, UInt16(0))
        #expect(addresses() == [])
        driver.setConfigurationSpace(0x04, UInt16(2))
        driver.setConfigurationSpace(0x10, UInt32(PCIDriver.base))
        #expect(addresses() == [PCIDriver.base + 0x3000])
        driver.status = 0
        #expect(addresses() == [])
    }

    @Test func vectorsAreHandedOverWhenTheDriverIsReady() throws {
        let (driver, _) = try made()
        let table = UInt64(driver.configurationSpace(0x14, as: UInt32.self)) - PCIDriver.base
        var capability = Int(driver.configurationSpace(0x34, as: UInt8.self))
        while driver.configurationSpace(capability, as: UInt8.self) != 0x11 {
            capability = Int(driver.configurationSpace(capability + 1, as: UInt8.self))
        }
        driver.setConfigurationSpace(capability + 2, UInt16(1 << 15))
        for vector in 0..<2 as Range<UInt64> {
            driver.store(table + 16 * vector, UInt32(0xFEE0_0000))
            driver.store(table + 16 * vector + 8, UInt32(0x40 + vector))
            driver.store(table + 16 * vector + 12, UInt32(0))
        }
        func delivered() -> [UInt32] { driver.sink.changes.withLock { $0.compactMap(\.message?.data) } }
        #expect(delivered() == [])
        _ = try driver.start()
        #expect(delivered() == [0x40, 0x41])
    }

    // MARK: Widths and places

    @Test func commonRegistersHaveOneWidthEach() throws {
        let (driver, _) = try made()
        #expect(driver.load(0x12, as: UInt8.self) == 0)
        #expect(driver.load(0x12, as: UInt32.self) == 0)
        #expect(driver.load(0x10, as: UInt64.self) == 0)
        #expect(driver.load(0x13, as: UInt8.self) == 0)
        #expect(driver.load(0x01, as: UInt32.self) == 0)
        driver.store(0x14, UInt32(1))
        driver.store(0x14, UInt16(1))
        driver.store(0x13, UInt16(0x0100))
        #expect(driver.status == 0)
    }

    @Test func everyOffsetCanBeReadAndWritten() throws {
        let (driver, _) = try made()
        for width in 1...8 {
            for offset in 0..<(0x5000 - UInt64(width)) where offset != PCIDriver.Register.status {
                var bytes = [UInt8](repeating: 0xFF, count: width)
                bytes.withUnsafeMutableBytes { _ = driver.bus.read(at: PCIDriver.base + offset, into: $0) }
                bytes.withUnsafeBytes { _ = driver.bus.write(at: PCIDriver.base + offset, bytes: $0) }
            }
        }
        let queue = try driver.start()
        try queue.add([.writable(0x10_0000, 8)])
        driver.notify(0)
        #expect(try driver.wait { try queue.usedIndex == 1 })
    }

    @Test func configurationIsReadAtAnyWidth() throws {
        let (driver, _) = try made()
        #expect(driver.load(0x2000, as: UInt64.self) == 0x8877_6655_4433_2211)
        #expect(driver.load(0x2003, as: UInt16.self) == 0x5544)
        driver.store(0x2004, UInt32(0xABCD))
        #expect(driver.load(0x2004, as: UInt32.self) == 0xABCD)
        #expect(driver.load(0x2008, as: UInt32.self) == 0)
    }

    @Test(arguments: [2, 0x3FF] as [UInt64])
    func notificationsOfNoQueueDoNothing(index: UInt64) throws {
        let (driver, control) = try made()
        _ = try driver.start()
        driver.notify(index)
        driver.status = 0
        #expect(control.value.withLock { $0.notifications } == 0)
    }

    // MARK: The window in the configuration space

    @Test func windowReachesTheRegion() throws {
        let (driver, _) = try made()
        let window = try #require(driver.capability(5))
        func aim(_ offset: UInt32, _ length: UInt32, register: UInt8 = 0) {
            driver.setConfigurationSpace(window + 4, register)
            driver.setConfigurationSpace(window + 8, offset)
            driver.setConfigurationSpace(window + 12, length)
        }
        aim(0x14, 1)
        driver.setConfigurationSpace(window + 16, UInt32(1))
        #expect(driver.status == 1)
        #expect(driver.configurationSpace(window + 16, as: UInt32.self) == 1)
        aim(0x12, 2)
        #expect(driver.configurationSpace(window + 16, as: UInt32.self) == 2)
        aim(0x2004, 4)
        #expect(driver.configurationSpace(window + 16, as: UInt32.self) == 0x8877_6655)
    }

    @Test(
        arguments: [
            (0, 0x14, 0), (0, 0x14, 3), (0, 0x14, 8), (0, 0x14, 0xFFFF_FFFF), (0, 0x15, 2), (0, 0x4000, 1),
            (0, 0xFFFF_FFFF, 1), (0, 0xFFFF_FFFC, 4), (1, 0x0, 4), (5, 0x14, 1), (0xFF, 0x14, 1),
        ] as [(UInt8, UInt32, UInt32)])
    func windowThatIsAimedWronglyReachesNothing(register: UInt8, offset: UInt32, length: UInt32) throws {
        let (driver, _) = try made()
        let window = try #require(driver.capability(5))
        driver.setConfigurationSpace(window + 4, register)
        driver.setConfigurationSpace(window + 8, offset)
        driver.setConfigurationSpace(window + 12, length)
        driver.setConfigurationSpace(window + 16, UInt32(0x0101_0101))
        #expect(driver.configurationSpace(window + 16, as: UInt32.self) == 0x0101_0101)
        #expect(driver.status == 0)
    }

    // MARK: The end of a device while its guest goes on

    /// As a vCPU does whose access began before the device went.
    private func store(_ offset: UInt64, _ value: some FixedWidthInteger, to transport: PCITransport) {
        withUnsafeBytes(of: value) { transport.write(region: 0, offset: offset, bytes: $0) }
    }

    @Test func nothingComesOfWhatADriverDoesTooLate() throws {
        let (driver, control) = try made()
        driver.vectors.startDelivery()
        let queue = try driver.start()
        #expect(!driver.wiring.addresses.withLock { $0 }.isEmpty)
        driver.bus.detach(device: 1)
        driver.controller.shutDown()
        driver.vectors.close()
        #expect(driver.wiring.addresses.withLock { $0 } == [])
        driver.loop.stop()
        driver.loop.join()

        let changes = driver.sink.changes.withLock { $0.count }
        let notifications = control.value.withLock { $0.notifications }
        try queue.add([.writable(0x10_0000, 8)])
        for status: UInt8 in [0, 1, 3, 11, 15, 0] {
            store(PCIDriver.Register.status, status, to: driver.transport)
        }
        store(PCIDriver.Register.configuration + 4, UInt32(7), to: driver.transport)
        store(PCIDriver.Register.notify, UInt16(0), to: driver.transport)
        #expect(driver.controller.status == [])
        #expect(driver.wiring.addresses.withLock { $0 } == [])
        #expect(driver.sink.changes.withLock { $0.count } == changes)
        #expect(control.value.withLock { $0.notifications } == notifications)
        #expect(try queue.usedIndex == 0)
    }

    /// A vCPU that sets the device up and resets it all the time, and writes to its configuration, waits for nobody for ever.
    @Test func aBusyDriverSurvivesTheEndOfItsDevice() throws {
        for round in 0..<20 {
            let (driver, control) = try made()
            if round.isMultiple(of: 2) { control.value.withLock { $0.holdsChains = true } }
            let queue = try driver.start()
            for _ in 0..<3 { try queue.add([.writable(0x10_0000, 8)]) }
            driver.notify(0)
            let isOver = Mutex(false)
            let transport = driver.transport
            let vcpu = try NativeThread(name: "vcpu") {
                while !isOver.withLock({ $0 }) {
                    for status: UInt8 in [0, 1, 3, 11, 15] {
                        store(PCIDriver.Register.status, status, to: transport)
                        store(PCIDriver.Register.configuration + 4, UInt32(7), to: transport)
                        store(PCIDriver.Register.notify, UInt16(0), to: transport)
                    }
                }
            }
            usleep(2000)
            driver.bus.detach(device: 1)
            driver.controller.shutDown()
            driver.vectors.close()
            driver.loop.stop()
            driver.loop.join()
            isOver.withLock { $0 = true }
            vcpu.join()
            #expect(driver.controller.status == [] && driver.wiring.addresses.withLock { $0 } == [])
        }
    }
}
