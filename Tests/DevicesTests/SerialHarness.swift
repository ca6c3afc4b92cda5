import Synchronization

@testable import Devices

/// A serial port as a guest's driver sees it, with its interrupt edges counted.
final class SerialHarness: Sendable {
    let console: Console
    let port: Serial16550
    private let edges: Counter

    final class Counter: Sendable {
        let value = Atomic(0)
    }

    init(outputCapacity: Int = 4096) throws {
        let edges = Counter()
        console = try Console(capacity: outputCapacity)
        port = Serial16550(console: console) { edges.value.add(1, ordering: .relaxed) }
        self.edges = edges
    }

    /// Takes the interrupt edges since the last call.
    func takeEdges() -> Int { edges.value.exchange(0, ordering: .relaxed) }

    /// Takes what the port woke the console with.
    func takeWake() -> Bool { console.wake.drain() }

    func enableFIFOs() { port.write(0xc1, to: 2) }

    func send(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { port.write(byte, to: 0) }
    }

    func receive(_ bytes: [UInt8]) -> Int {
        bytes.withUnsafeBytes { port.receive($0) }
    }

    /// Reads the receiver until the line status says that it is empty.
    func drainReceiver() -> [UInt8] {
        var bytes: [UInt8] = []
        while port.read(5) & 0x01 != 0 { bytes.append(port.read(0)) }
        return bytes
    }

    /// Takes at most `limit` bytes of the output, as the pump does.
    func takeOutput(_ limit: Int = .max) -> [UInt8] {
        var output: [UInt8] = []
        while output.count < limit {
            let bytes = console.ring.bytes(from: console.ring.head).prefix(limit - output.count)
            guard !bytes.isEmpty else { break }
            output += bytes
            console.ring.remove(bytes.count)
        }
        if console.takeRoomRequest() { port.roomMade() }
        return output
    }
}
