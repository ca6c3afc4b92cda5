import Devices
import GuestMemory
import Linux
import Testing
import Virtio
import VirtioTesting

/// A console device with the driver that a test plays.
final class ConsoleDriver {
    let device: TestDevice
    let handle: LoopConfined<ConsoleDevice>
    private(set) var queues: [GuestQueue] = []
    private var nextBuffer: UInt64 = 0x10_0000

    /// A message on a control queue.
    struct Message: Equatable, CustomTestStringConvertible {
        var port: UInt32
        var event: UInt16
        var value: UInt16 = 1
        var payload: [UInt8] = []

        var testDescription: String { "port \(port), event \(event), value \(value), \(payload)" }
    }

    init(console: ConsoleLink? = nil, ports: sending [(name: String, peer: any PortPeer)] = []) throws {
        handle = LoopConfined(ConsoleDevice(console: console, ports: ports), loop: try EventLoop(name: "console"))
        device = try TestDevice(handle)
    }

    /// Makes the device ready, with buffers for control messages.
    ///
    /// - Parameter count: of the queues; two without further ports.
    func start(queues count: Int = 2, features: Features? = nil) throws {
        queues = device.start(queues: count, features: features)
        for _ in 0..<(count > 2 ? 8 : 0) { try provide(64, to: 2) }
    }

    func address(count: Int) -> UInt64 {
        defer { nextBuffer += UInt64(count) }
        return nextBuffer
    }

    /// Provides a buffer for input.
    ///
    /// - Returns: its address.
    @discardableResult
    func provide(_ count: Int, to queue: UInt32) throws -> UInt64 {
        let address = address(count: count)
        try queues[Int(queue)].add([.writable(address, UInt32(count))])
        device.notify(queue)
        return address
    }

    func send(_ bytes: [UInt8], to queue: UInt32) throws {
        let address = address(count: bytes.count)
        try device.memory.write(bytes, at: address)
        try queues[Int(queue)].add([.readable(address, UInt32(bytes.count))])
        device.notify(queue)
    }

    func send(_ message: Message) throws {
        var bytes = withUnsafeBytes(of: message.port) { Array($0) }
        bytes += withUnsafeBytes(of: message.event) { Array($0) } + withUnsafeBytes(of: message.value) { Array($0) }
        try send(bytes + message.payload, to: 3)
    }

    /// Takes the next control message, and provides its buffer again.
    func nextMessage() throws -> Message {
        let used = try #require(try device.nextUsed(of: queues[2]))
        let address = try device.memory.load(
            at: queues[2].descriptorArea + 16 * UInt64(used.head), as: UInt64.self)
        let bytes = Array(try device.memory.bytes(at: address, count: Int(used.written)))
        try provide(64, to: 2)
        return bytes.withUnsafeBytes {
            Message(
                port: $0.loadUnaligned(as: UInt32.self), event: $0.loadUnaligned(fromByteOffset: 4, as: UInt16.self),
                value: $0.loadUnaligned(fromByteOffset: 6, as: UInt16.self), payload: Array($0.dropFirst(8)))
        }
    }

    /// Takes the next buffer of input that comes back.
    func nextInput(_ address: UInt64, from queue: UInt32) throws -> String {
        let used = try #require(try device.nextUsed(of: queues[Int(queue)]))
        let bytes = try device.memory.bytes(at: address, count: Int(used.written))
        return String(decoding: Array(bytes), as: UTF8.self)
    }
}
