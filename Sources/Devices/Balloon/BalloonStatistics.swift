/// What a guest says about its memory (virtio 1.3 §5.5.6.4); nil where it says nothing.
public struct BalloonStatistics: Codable, Equatable, Sendable {
    /// When they came, on `CLOCK_MONOTONIC` in nanoseconds.
    public let time: UInt64
    /// Bytes swapped in and out since the guest's start.
    public private(set) var swappedIn: UInt64?
    public private(set) var swappedOut: UInt64?
    public private(set) var majorFaults: UInt64?
    public private(set) var minorFaults: UInt64?
    /// Bytes that are not used for anything.
    public private(set) var freeMemory: UInt64?
    public private(set) var totalMemory: UInt64?
    /// Bytes that applications can have without any swapping.
    public private(set) var availableMemory: UInt64?
    /// Bytes that could be had back without input or output.
    public private(set) var diskCaches: UInt64?
    public private(set) var hugePageAllocations: UInt64?
    public private(set) var hugePageFailures: UInt64?

    /// Bytes of an entry: a tag of two, a value of eight, packed.
    static let entrySize = 10

    /// - Parameter entries: as a driver writes them; those that are unknown or cut short are left out.
    init(entries: [UInt8], time: UInt64) {
        self.time = time
        entries.withUnsafeBytes { bytes in
            for start in stride(from: 0, through: bytes.count - Self.entrySize, by: Self.entrySize) {
                set(
                    UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt16.self)),
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start + 2, as: UInt64.self)))
            }
        }
    }

    private mutating func set(_ tag: UInt16, _ value: UInt64) {
        switch tag {
        case 0: swappedIn = value
        case 1: swappedOut = value
        case 2: majorFaults = value
        case 3: minorFaults = value
        case 4: freeMemory = value
        case 5: totalMemory = value
        case 6: availableMemory = value
        case 7: diskCaches = value
        case 8: hugePageAllocations = value
        case 9: hugePageFailures = value
        default: break
        }
    }
}
