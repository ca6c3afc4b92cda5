import Devices
import GuestMemory
import Linux
import PCI

@testable import Virtio

/// A device on the PCI bus: an input is a list of accesses, of which each has an operation, a place and a value.
struct PCITarget: FuzzTarget, @unchecked Sendable {
    // Sendable: libFuzzer uses one thread.
    private let memory = try! GuestMemory(size: 1 << 20, pages: .never)
    private let bus = Bus(memory32: window)
    private let loop: EventLoop

    private static let window: ClosedRange<UInt32> = 0xD000_0000...0xD000_FFFF
    private static let vectorCount = 2

    private enum Operation {
        static let write: UInt8 = 0x80
        /// What is accessed; 0 is the configuration space in memory.
        static let place: UInt8 = 0x30
        static let ports: UInt8 = 0x10
        /// The other two are the window of memory regions.
    }

    private struct Nothing: MSIXSink, DoorbellWiring {
        func apply(_ changes: [MSIX.Change]) {}
        func connect(_ doorbell: SharedEventCounter, toWritesAt address: UInt64, size: UInt32, value: UInt64?) {}
        func disconnect(_ doorbell: SharedEventCounter, fromWritesAt address: UInt64, size: UInt32, value: UInt64?) {}
    }

    init() {
        loop = try! EventLoop(name: "fuzz")
        for _ in 0..<2 {
            let controller = try! DeviceController(
                name: "fuzz", device: LoopConfined(EntropyDevice(), loop: loop), memory: memory, report: { _ in })
            let vectors = try! MSIX(count: Self.vectorCount, sink: Nothing())
            try! PCITransport(controller, vectors: vectors, wiring: Nothing()).attach(to: bus)
        }
        try! loop.start()
    }

    func run(_ input: UnsafeRawBufferPointer) {
        let before = bus.state
        var reader = InputReader(input)
        let ports = ConfigurationPorts(bus)
        while !reader.isEmpty {
            let operation = reader.take(UInt8.self)
            let width = Int(operation & 7) + 1
            let place = reader.take(UInt16.self)
            var value = reader.take(UInt64.self)
            withUnsafeMutableBytes(of: &value) { bytes in
                let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<width])
                access(operation, place, part, ports)
            }
        }
        // Both devices are reset where they were at first, so that a finding can be repeated.
        try! bus.restore(before)
        for (device, status) in [(1, 0xD000_0014), (2, 0xD000_8014)] as [(UInt64, UInt64)] {
            withUnsafeBytes(of: UInt16(2)) {
                EnhancedConfigurationAccess(bus).write(offset: device << 15 | 4, bytes: $0)
            }
            withUnsafeBytes(of: UInt8(0)) { _ = bus.write(at: status, bytes: $0) }
        }
        try! bus.restore(before)
    }

    private func access(
        _ operation: UInt8, _ place: UInt16, _ bytes: UnsafeMutableRawBufferPointer, _ ports: ConfigurationPorts
    ) {
        let isWrite = operation & Operation.write != 0
        switch operation & Operation.place {
        case 0:
            // Devices 0 to 15, and the first 4 KiB of each.
            let offset = UInt64(place) << 3 & 0x7_8000 | UInt64(place) & 0xFFF
            let configuration = EnhancedConfigurationAccess(bus)
            if isWrite {
                configuration.write(offset: offset, bytes: UnsafeRawBufferPointer(bytes))
            } else {
                configuration.read(offset: offset, into: bytes)
            }
        case Operation.ports where isWrite: ports.write(offset: place & 0xF, bytes: UnsafeRawBufferPointer(bytes))
        case Operation.ports: ports.read(offset: place & 0xF, into: bytes)
        default:
            let address = UInt64(Self.window.lowerBound) + UInt64(place)
            if isWrite {
                _ = bus.write(at: address, bytes: UnsafeRawBufferPointer(bytes))
            } else {
                _ = bus.read(at: address, into: bytes)
            }
        }
    }

    var seeds: [[UInt8]] {
        func access(_ operation: UInt8, _ place: UInt16, _ value: UInt64) -> [UInt8] {
            [operation, UInt8(place & 0xFF), UInt8(place >> 8)] + withUnsafeBytes(of: value.littleEndian, Array.init)
        }
        // The place of a register of the first device.
        func write(configuration register: UInt16, _ value: UInt64, width: UInt8 = 4) -> [UInt8] {
            access(Operation.write | (width - 1), 0x1000 | register, value)
        }
        func write(memory offset: UInt16, _ value: UInt64, width: UInt8 = 4) -> [UInt8] {
            access(Operation.write | 0x20 | (width - 1), offset, value)
        }
        let enable = write(configuration: 4, 6, width: 2)
        let sizing =
            write(configuration: 0x10, 0xFFFF_FFFF) + access(3, 0x1010, 0) + write(configuration: 0x10, 0xD000_0000)
        let negotiation =
            [0, 1, 3].flatMap { write(memory: 0x14, $0, width: 1) } + write(memory: 8, 1) + write(memory: 12, 1)
            + write(memory: 0x14, 11, width: 1)
        let queue =
            write(memory: 0x16, 0, width: 2) + write(memory: 0x1A, 1, width: 2) + write(memory: 0x20, 0x1000)
            + write(memory: 0x28, 0x2000) + write(memory: 0x30, 0x3000) + write(memory: 0x1C, 1, width: 2)
        let ready = write(memory: 0x14, 15, width: 1) + write(memory: 0x3000, 0, width: 2)
        let vectors =
            (0..<8).flatMap { write(memory: 0x4000 + 4 * $0, 0xFEE0_0000) }
            + write(memory: 0x400C, 0) + access(0x27, 0x4020, 0)
        let ports = access(Operation.write | Operation.ports | 3, 0, 0x8000_0800) + access(Operation.ports | 3, 4, 0)
        return [sizing + ports, enable + negotiation + queue + ready, enable + vectors + negotiation + queue + ready]
    }
}
