import GuestMemory

/// What a driver tells the device about one queue before it uses it (virtio 1.3 §4.2.2, §4.1.4.3).
public struct QueueConfiguration: Codable, Equatable, Sendable {
    /// The most entries that the device offers; a power of two.
    public let maximumSize: UInt16
    /// Number of entries.
    public var size: UInt16
    public var isEnabled = false
    /// Guest addresses of the descriptor table, the available ring and the used ring.
    public var descriptorArea: UInt64 = 0
    public var driverArea: UInt64 = 0
    public var deviceArea: UInt64 = 0

    /// - Parameter maximumSize: a power of two up to 32768.
    public init(maximumSize: UInt16) {
        self.maximumSize = maximumSize
        size = maximumSize
    }

    /// The host's views of the queue's parts, checked to be aligned and each within one range of memory.
    func map(in memory: GuestMemory) throws(QueueError) -> Parts {
        guard size > 0, size <= maximumSize, size & (size - 1) == 0 else { throw .unusableSize(size) }
        func part(
            _ name: String, _ address: UInt64, _ count: Int, alignment: UInt64
        ) throws(QueueError) -> UnsafeMutableRawPointer {
            guard address.isMultiple(of: alignment), let bytes = try? memory.bytes(at: address, count: count),
                let start = bytes.baseAddress
            else { throw .unusableArea(name, address: address) }
            return start
        }
        return Parts(
            descriptors: try part(
                "descriptor table", descriptorArea, SplitRing.descriptorTableSize(size),
                alignment: SplitRing.descriptorAlignment),
            available: try part(
                "available ring", driverArea, SplitRing.availableRingSize(size),
                alignment: SplitRing.availableAlignment),
            used: try part(
                "used ring", deviceArea, SplitRing.usedRingSize(size), alignment: SplitRing.usedAlignment))
    }

    struct Parts {
        let descriptors: UnsafeMutableRawPointer
        let available: UnsafeMutableRawPointer
        let used: UnsafeMutableRawPointer
    }
}
