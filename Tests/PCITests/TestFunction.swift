import Linux
import Synchronization

@testable import PCI

/// A function that remembers what its bus asked of it.
final class TestFunction: Function {
    enum Call: Equatable {
        case read(region: Int, offset: UInt64, count: Int)
        case write(region: Int, offset: UInt64, bytes: [UInt8])
        case moved(region: Int, to: UInt64?)
    }

    private let calls = Mutex<[Call]>([])
    /// Shown in the register at this offset whenever the guest reads it.
    let liveRegister: (offset: Int, value: @Sendable () -> UInt32)?

    init(liveRegister: (offset: Int, value: @Sendable () -> UInt32)? = nil) {
        self.liveRegister = liveRegister
    }

    func takeCalls() -> [Call] {
        calls.withLock { calls in
            defer { calls = [] }
            return calls
        }
    }

    func read(region: Int, offset: UInt64, into bytes: UnsafeMutableRawBufferPointer) {
        calls.withLock { $0.append(.read(region: region, offset: offset, count: bytes.count)) }
        for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: offset) &+ UInt8(index) }
    }

    func write(region: Int, offset: UInt64, bytes: UnsafeRawBufferPointer) {
        let copy = Array(bytes)
        calls.withLock { $0.append(.write(region: region, offset: offset, bytes: copy)) }
    }

    func regionMoved(_ region: Int, to address: UInt64?) {
        calls.withLock { $0.append(.moved(region: region, to: address)) }
    }

    func willRead(configuration: inout ConfigurationSpace, bytes: Range<Int>) {
        guard let liveRegister, bytes.contains(liveRegister.offset) else { return }
        configuration.set(liveRegister.value(), at: liveRegister.offset)
    }
}

/// A bus with windows of 16 MiB below and 1 GiB above 4 GiB, as a guest's driver sees it.
struct TestBus {
    static let window32: ClosedRange<UInt32> = 0xD000_0000...0xD0FF_FFFF
    static let window64: ClosedRange<UInt64> = 0x10_0000_0000...0x10_3FFF_FFFF

    let bus = Bus(memory32: window32, memory64: window64)
    static let identity = ConfigurationSpace.Identity(vendor: 0x1AF4, device: 0x1041, classCode: 0x02_0000)

    /// Attaches a function with one region of 4 KiB, or with those that are named.
    func attach(
        _ function: any Function = TestFunction(), regions: [MemoryRegion] = [MemoryRegion(register: 0, size: 4096)],
        msix: (vectors: MSIX, register: Int)? = nil
    ) throws -> FunctionAddress {
        try bus.attach(function, configuration: ConfigurationSpace(Self.identity), regions: regions, msix: msix)
    }

    func read(_ address: FunctionAddress, _ offset: Int, count: Int = 4) -> UInt64 {
        withBytes(count: count) { bus.readConfiguration(of: address, at: offset, into: $0) }
    }

    func write(_ value: UInt64, _ address: FunctionAddress, _ offset: Int, count: Int = 4) {
        withUnsafeBytes(of: value.littleEndian) {
            bus.writeConfiguration(of: address, at: offset, bytes: UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
        }
    }

    func enableMemory(_ address: FunctionAddress) {
        write(2, address, 0x04, count: 2)
    }

    /// - Returns: nil when no region has all of the addresses.
    func load(_ address: UInt64, count: Int = 4) -> UInt64? {
        var isDecoded = false
        let value = withBytes(count: count) { isDecoded = bus.read(at: address, into: $0) }
        return isDecoded ? value : nil
    }

    @discardableResult
    func store(_ value: UInt64, _ address: UInt64, count: Int = 4) -> Bool {
        withUnsafeBytes(of: value.littleEndian) {
            bus.write(at: address, bytes: UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
        }
    }
}

/// The little-endian value that `body` leaves in `count` bytes, at most eight.
func withBytes(count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) -> UInt64 {
    var value: UInt64 = 0
    withUnsafeMutableBytes(of: &value) { body(UnsafeMutableRawBufferPointer(rebasing: $0.prefix(count))) }
    return UInt64(littleEndian: value)
}

/// All ones in `count` bytes.
func ones(_ count: Int) -> UInt64 { count == 8 ? .max : 1 << UInt64(8 * count) - 1 }

/// A sink that remembers what it was handed.
final class TestSink: MSIXSink {
    struct Delivery: Equatable {
        let vector: Int
        let message: MSIX.Message?
    }

    private let batches = Mutex<[[Delivery]]>([])
    private let closingCount = Mutex(0)

    var closings: Int { closingCount.withLock { $0 } }

    func close() { closingCount.withLock { $0 += 1 } }

    func apply(_ changes: [MSIX.Change]) {
        batches.withLock { $0.append(changes.map { Delivery(vector: $0.vector, message: $0.message) }) }
    }

    func takeBatches() -> [[Delivery]] {
        batches.withLock { batches in
            defer { batches = [] }
            return batches
        }
    }
}
