import CLinux
import GuestMemory
import Virtio

/// The driver's side of a split virtqueue, as tests write it: well-behaved, or with every word within reach.
public final class GuestQueue {
    public let memory: GuestMemory
    public let size: UInt16
    public let descriptorArea: UInt64
    public let driverArea: UInt64
    public let deviceArea: UInt64
    public private(set) var nextAvailable: UInt16 = 0
    public private(set) var nextUsed: UInt16 = 0
    private var nextDescriptor: UInt16 = 0

    /// A buffer of a chain.
    public struct Buffer {
        public var address: UInt64
        public var length: UInt32
        public var isWritable: Bool

        public static func readable(_ address: UInt64, _ length: UInt32) -> Buffer {
            Buffer(address: address, length: length, isWritable: false)
        }

        public static func writable(_ address: UInt64, _ length: UInt32) -> Buffer {
            Buffer(address: address, length: length, isWritable: true)
        }
    }

    /// What the device gave back.
    public struct Used: Equatable {
        public let head: UInt32
        public let written: UInt32

        public init(head: UInt32, written: UInt32) {
            self.head = head
            self.written = written
        }
    }

    public enum Flag {
        public static let next: UInt16 = 1
        public static let write: UInt16 = 2
        public static let indirect: UInt16 = 4
    }

    /// - Parameter base: where the queue's parts begin, a multiple of 16; they take less than 32 bytes an entry, and 64.
    public init(_ memory: GuestMemory, size: UInt16, base: UInt64 = 0x1000) {
        self.memory = memory
        self.size = size
        descriptorArea = base
        driverArea = base + 16 * UInt64(size)
        deviceArea = (driverArea + 6 + 2 * UInt64(size) + 3) & ~3
    }

    public var configuration: QueueConfiguration {
        var configuration = QueueConfiguration(maximumSize: size)
        configuration.descriptorArea = descriptorArea
        configuration.driverArea = driverArea
        configuration.deviceArea = deviceArea
        configuration.isEnabled = true
        return configuration
    }

    // MARK: Words

    public func setDescriptor(
        _ index: UInt16, address: UInt64, length: UInt32, flags: UInt16, next: UInt16 = 0, table: UInt64? = nil
    ) throws {
        let place = (table ?? descriptorArea) + 16 * UInt64(index)
        try memory.store(address, at: place)
        try memory.store(length, at: place + 8)
        try memory.store(flags, at: place + 12)
        try memory.store(next, at: place + 14)
    }

    public func setAvailable(index: UInt16) throws {
        try memory.store(index, at: driverArea + 2)
    }

    public func setAvailable(flags: UInt16) throws {
        try memory.store(flags, at: driverArea)
    }

    public func setUsedEvent(_ index: UInt16) throws {
        try memory.store(index, at: driverArea + 4 + 2 * UInt64(size))
    }

    public var usedFlags: UInt16 { get throws { try memory.load(at: deviceArea) } }
    public var usedIndex: UInt16 { get throws { try memory.load(at: deviceArea + 2) } }
    public var availableEvent: UInt16 { get throws { try memory.load(at: deviceArea + 4 + 8 * UInt64(size)) } }

    /// Makes a chain available by its first descriptor.
    public func expose(head: UInt16) throws {
        try memory.store(head, at: driverArea + 4 + 2 * UInt64(nextAvailable % size))
        nextAvailable &+= 1
        try setAvailable(index: nextAvailable)
    }

    // MARK: Good manners

    /// Makes a chain of `buffers` available.
    ///
    /// - Parameter table: where to put an indirect table; nil for a chain in the queue itself.
    /// - Returns: its first descriptor.
    @discardableResult
    public func add(_ buffers: [Buffer], indirectTable table: UInt64? = nil) throws -> UInt16 {
        let head = nextDescriptor % size
        for (position, buffer) in buffers.enumerated() {
            let isLast = position == buffers.count - 1
            let index = table == nil ? (head + UInt16(position)) % size : UInt16(position)
            let next = table == nil ? (index + 1) % size : index + 1
            try setDescriptor(
                index, address: buffer.address, length: buffer.length,
                flags: (buffer.isWritable ? Flag.write : 0) | (isLast ? 0 : Flag.next), next: next, table: table)
        }
        if let table {
            try setDescriptor(head, address: table, length: UInt32(16 * buffers.count), flags: Flag.indirect)
        }
        nextDescriptor = (head + (table == nil ? UInt16(buffers.count) : 1)) % size
        try expose(head: head)
        return head
    }

    /// Takes the next chain that the device gave back; nil when there is none.
    public func takeUsed() throws -> Used? {
        guard try usedIndex != nextUsed else { return nil }
        let place = deviceArea + 4 + 8 * UInt64(nextUsed % size)
        nextUsed &+= 1
        return Used(head: try memory.load(at: place), written: try memory.load(at: place + 4))
    }
}
