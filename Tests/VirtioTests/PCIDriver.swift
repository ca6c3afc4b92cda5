import CLinux
import GuestMemory
import Linux
import PCI
import Synchronization
import VirtioTesting

@testable import Virtio

/// A device on a PCI bus, with its driver's steps.
final class PCIDriver {
    static let base: UInt64 = 0xD000_0000

    let memory: GuestMemory
    let wiring = Wiring()
    let sink = Sink()
    let bus: Bus
    let vectors: MSIX
    private let access: EnhancedConfigurationAccess
    let transport: PCITransport
    let loop: EventLoop
    let controller: DeviceController

    /// Which doorbells ring without an exit.
    final class Wiring: DoorbellWiring {
        let addresses = Mutex<[UInt64]>([])

        func connect(_ doorbell: SharedEventCounter, toWritesAt address: UInt64, size: UInt32, value: UInt64?) {
            addresses.withLock { $0.append(address) }
        }

        func disconnect(_ doorbell: SharedEventCounter, fromWritesAt address: UInt64, size: UInt32, value: UInt64?) {
            addresses.withLock { $0.removeAll { $0 == address } }
        }
    }

    final class Sink: MSIXSink {
        let changes = Mutex<[MSIX.Change]>([])

        func apply(_ changes: [MSIX.Change]) {
            self.changes.withLock { $0 += changes }
        }
    }

    init(_ device: sending some VirtioDevice, vectors count: Int = 3) throws {
        memory = try GuestMemory(size: 16 << 20, pages: .never)
        loop = try EventLoop(name: "test")
        controller = try DeviceController(
            name: "test", device: LoopConfined(device, loop: loop), memory: memory, report: { _ in })
        bus = Bus(memory32: 0xD000_0000...0xD0FF_FFFF)
        access = EnhancedConfigurationAccess(bus)
        vectors = try MSIX(count: count, sink: sink)
        transport = PCITransport(controller, vectors: vectors, wiring: wiring)
        try transport.attach(to: bus)
        try loop.start()
        setConfigurationSpace(0x04, UInt16(6))
    }

    deinit {
        controller.shutDown()
        loop.stop()
        loop.join()
    }

    /// Whether a vector's event was signalled and waits for delivery.
    func isSignalled(vector: Int) -> Bool { vectors.events[vector].counter.isSignalled }

    // MARK: Registers

    private static let function: UInt64 = 1 << 15

    func configurationSpace<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
        var value: Value = 0
        withUnsafeMutableBytes(of: &value) { access.read(offset: Self.function + UInt64(offset), into: $0) }
        return value
    }

    func setConfigurationSpace<Value: FixedWidthInteger>(_ offset: Int, _ value: Value) {
        withUnsafeBytes(of: value) { access.write(offset: Self.function + UInt64(offset), bytes: $0) }
    }

    /// A register in the device's memory region; nil where the region does not answer.
    func load<Value: FixedWidthInteger>(_ offset: UInt64, as type: Value.Type = Value.self) -> Value? {
        var value: Value = 0
        let isThere = withUnsafeMutableBytes(of: &value) { bus.read(at: Self.base + offset, into: $0) }
        return isThere ? value : nil
    }

    func store<Value: FixedWidthInteger>(_ offset: UInt64, _ value: Value) {
        withUnsafeBytes(of: value) { _ = bus.write(at: Self.base + offset, bytes: $0) }
    }

    /// Where the vendor's capability of a type is in the configuration space.
    func capability(_ type: UInt8) -> Int? {
        var offset = Int(configurationSpace(0x34, as: UInt8.self))
        for _ in 0..<48 where offset != 0 {
            if configurationSpace(offset, as: UInt8.self) == 9, configurationSpace(offset + 3, as: UInt8.self) == type {
                return offset
            }
            offset = Int(configurationSpace(offset + 1, as: UInt8.self))
        }
        return nil
    }

    // MARK: A driver's steps

    enum Register {
        static let status: UInt64 = 0x14
        static let queueSelect: UInt64 = 0x16
        static let interruptStatus: UInt64 = 0x1000
        static let configuration: UInt64 = 0x2000
        static let notify: UInt64 = 0x3000
    }

    var status: UInt8 {
        get { load(Register.status) ?? 0xFF }
        set { store(Register.status, newValue) }
    }

    /// Up to `featuresOK`, accepting all that is offered.
    func negotiate() {
        for value: UInt8 in [0, 1, 3] { status = value }
        for word: UInt32 in [0, 1] {
            store(0x00, word)
            store(0x08, word)
            store(0x0C, load(0x04, as: UInt32.self) ?? 0)
        }
        status = 11
    }

    func setUp(_ queue: GuestQueue, index: UInt16, vector: UInt16) {
        store(Register.queueSelect, index)
        store(0x18, queue.size)
        store(0x1A, vector)
        for (offset, area) in [(0x20, queue.descriptorArea), (0x28, queue.driverArea), (0x30, queue.deviceArea)] {
            store(UInt64(offset), UInt32(truncatingIfNeeded: area))
            store(UInt64(offset + 4), UInt32(truncatingIfNeeded: area >> 32))
        }
        store(0x1C, UInt16(1))
    }

    /// Makes the device ready, with its first queue on vector 1 and configuration changes on vector 0.
    func start(vector: UInt16 = 1) throws -> GuestQueue {
        negotiate()
        let queue = GuestQueue(memory, size: 16, base: 0x1000)
        try memory.write([UInt8](repeating: 0, count: 0x1000), at: 0x1000)
        store(0x10, UInt16(vector == noVector ? noVector : 0))
        setUp(queue, index: 0, vector: vector)
        status = 15
        return queue
    }

    func notify(_ queue: UInt64) {
        store(Register.notify + 4 * queue, UInt16(truncatingIfNeeded: queue))
    }

    /// Waits until `condition` holds, for a minute at most.
    func wait(until condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<600_000 {
            if try condition() { return true }
            usleep(100)
        }
        return false
    }
}
