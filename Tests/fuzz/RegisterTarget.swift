import Devices
import VirtioTesting

@testable import Virtio

/// The registers over MMIO: an input is a list of accesses, of which each has an operation, a place and a value.
struct RegisterTarget: FuzzTarget, @unchecked Sendable {
    // Sendable: libFuzzer uses one thread.
    private let device = try! TestDevice(EntropyDevice())

    private enum Access {
        static let write: UInt8 = 0x80
    }

    func run(_ input: UnsafeRawBufferPointer) {
        var reader = InputReader(input)
        while !reader.isEmpty {
            let operation = reader.take(UInt8.self)
            let width = Int(operation & 7) + 1
            let offset = min(Int(reader.take(UInt16.self)), Int(MMIOTransport.size) - width)
            var value = reader.take(UInt64.self)
            withUnsafeMutableBytes(of: &value) { bytes in
                let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<width])
                if operation & Access.write != 0 {
                    device.transport.write(at: offset, UnsafeRawBufferPointer(part))
                } else {
                    device.transport.read(at: offset, into: part)
                }
            }
        }
        device.status = []
    }

    var seeds: [[UInt8]] {
        func write(_ offset: UInt16, _ value: UInt32) -> [UInt8] {
            [Access.write | 3, UInt8(offset & 0xFF), UInt8(offset >> 8)]
                + withUnsafeBytes(of: UInt64(value).littleEndian, Array.init)
        }
        let negotiation = [0, 1, 3].flatMap { write(0x70, $0) } + write(0x24, 1) + write(0x20, 1) + write(0x70, 11)
        let queue =
            write(0x30, 0) + write(0x38, 16) + write(0x80, 0x1000) + write(0x90, 0x2000) + write(0xA0, 0x3000)
            + write(0x44, 1)
        return [negotiation, negotiation + queue + write(0x70, 15) + write(0x50, 0) + write(0x64, 3)]
    }
}
