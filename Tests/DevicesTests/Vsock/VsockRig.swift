import CLinux
import Foundation
import Glibc
import Linux
import Testing
import Virtio
import VirtioTesting

@testable import Devices

/// A vsock device behind its registers and queues, whose driver is ready.
final class VsockRig {
    let device: TestDevice
    let directory: String
    private(set) var queues: [GuestQueue]
    private var nextBuffer: UInt64 = 0x20_0000

    var path: String { directory + "/s" }

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "v-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        device = try TestDevice(VsockDevice(guestCID: 3, listener: try UnixListener(path: directory + "/s")))
        queues = device.start(queues: 3)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func restart() {
        queues = device.start(queues: 3)
    }

    func header(_ operation: VsockOperation, from port: UInt32, to hostPort: UInt32) -> VsockHeader {
        var header = VsockHeader(from: .init(cid: 3, port: port), to: .init(cid: 2, port: hostPort), operation)
        header.bufferAllocation = 1 << 16
        return header
    }

    /// Sends a packet in buffers of `piece` bytes.
    func send(_ header: VsockHeader, _ payload: [UInt8] = [], piece: Int = 1 << 16) throws {
        var header = header
        header.length = UInt32(payload.count)
        try sendBytes(withUnsafeBytes(of: header.raw, Array.init) + payload, piece: piece)
    }

    /// - Parameter isNotified: whether the device is told.
    func sendBytes(_ bytes: [UInt8], piece: Int = 1 << 16, isNotified: Bool = true) throws {
        let address = nextBuffer
        nextBuffer = (nextBuffer + UInt64(bytes.count) + 0xFFF) & ~0xFFF
        if nextBuffer > 0x80_0000 { nextBuffer = 0x20_0000 }
        try device.memory.write(bytes, at: address)
        let buffers = stride(from: 0, to: bytes.count, by: piece).map {
            GuestQueue.Buffer.readable(address + UInt64($0), UInt32(min(piece, bytes.count - $0)))
        }
        try queues[1].add(buffers, indirectTable: 0x10_0000)
        if isNotified { device.notify(1) }
    }

    /// Gives the device a buffer, in pieces of these lengths, and waits for a packet in it.
    func receive(_ pieces: [UInt32] = [4096]) throws -> (header: VsockHeader, payload: [UInt8])? {
        let total = pieces.reduce(0, +)
        var address: UInt64 = 0x90_0000
        let buffers = pieces.map { length in
            defer { address += UInt64(length) }
            return GuestQueue.Buffer.writable(address, length)
        }
        try queues[0].add(buffers, indirectTable: 0x11_0000)
        device.notify(0)
        guard let used = try device.nextUsed(of: queues[0]), used.written >= VsockHeader.size, used.written <= total
        else { return nil }
        let header = VsockHeader(try device.memory.load(at: 0x90_0000))
        let payload = try device.memory.bytes(at: 0x90_0000 + UInt64(VsockHeader.size), count: Int(header.length))
        #expect(Int(used.written) == VsockHeader.size + Int(header.length))
        return (header, Array(payload))
    }

    func connectToHost(port: UInt32, listener: borrowing UnixListener) throws -> HostEnd {
        try send(header(.request, from: 1000, to: port))
        #expect(try receive()?.header.operation == .response)
        return HostEnd(try listener.accept())
    }
}
