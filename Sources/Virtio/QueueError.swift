/// What a driver did that a queue cannot go on after. The device needs a reset then; the machine goes on.
public enum QueueError: Error, Equatable, CustomStringConvertible {
    /// The size is zero, not a power of two, or more than the device offers.
    case unusableSize(UInt16)
    /// A part of the queue is misaligned or not all in one range of guest memory.
    case unusableArea(String, address: UInt64)
    /// The available ring's index ran further ahead than the queue is long.
    case availableIndex(UInt16, next: UInt16)
    /// More buffers are with the device than the queue is long.
    case tooManyInFlight
    case descriptorIndex(UInt16)
    /// A chain with more descriptors than the queue is long: perhaps a loop.
    case chainTooLong
    /// A chain of 4 GiB or more.
    case tooManyBytes
    /// A buffer that is not all in one range of guest memory.
    case buffer(address: UInt64, length: UInt32)
    /// A readable buffer after a writable one.
    case readableAfterWritable
    /// An indirect descriptor without the feature, with `NEXT`, or inside an indirect table.
    case unexpectedIndirect
    /// An indirect table whose length is zero or no multiple of 16, or that is not in guest memory.
    case indirectTable(address: UInt64, length: UInt32)
    /// A chain that the device type cannot make sense of, in words.
    case malformed(String)

    public var description: String {
        switch self {
        case .unusableSize(let size): "a queue of \(size) entries"
        case .unusableArea(let part, let address): "the \(part) at \(hex(address))"
        case .availableIndex(let index, let next): "the available index \(index), where \(next) is next"
        case .tooManyInFlight: "more buffers in flight than the queue is long"
        case .descriptorIndex(let index): "the descriptor index \(index)"
        case .chainTooLong: "a chain longer than the queue"
        case .tooManyBytes: "a chain of 4 GiB or more"
        case .buffer(let address, let length): "a buffer of \(length) bytes at \(hex(address))"
        case .readableAfterWritable: "a readable buffer after a writable one"
        case .unexpectedIndirect: "an indirect descriptor where none may be"
        case .indirectTable(let address, let length): "an indirect table of \(length) bytes at \(hex(address))"
        case .malformed(let what): what
        }
    }

    private func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
