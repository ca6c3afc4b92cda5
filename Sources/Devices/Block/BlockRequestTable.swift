import Virtio

/// A request that the device has taken from a queue and not yet given back.
struct BlockRequest {
    let queue: Int
    /// The chain's first descriptor.
    let head: UInt16
    /// Where the driver wants its status.
    let status: UnsafeMutablePointer<UInt8>
    /// Bytes that it writes to the driver's buffers, but for the status.
    let dataCount: Int
    /// Bytes that it writes to the disk.
    let writtenCount: Int
    /// The ranges that it changes, and how many of them have been.
    var rangeCount = 0
    var rangesBegun = 0
}

/// All requests that a device can have at a time, each under a tag, allocated once.
struct BlockRequestTable: ~Copyable {
    private let requests: UnsafeMutablePointer<BlockRequest>
    private let rangeLists: UnsafeMutablePointer<CheckedRange>
    private var free: [Int]

    /// - Parameter count: how many there can be.
    init(count: Int) {
        requests = .allocate(capacity: count)
        rangeLists = .allocate(capacity: count * BlockLimits.discardRanges)
        free = Array((0..<count).reversed())
    }

    deinit {
        requests.deallocate()
        rangeLists.deallocate()
    }

    /// A tag that nothing has; nil when all are taken.
    var nextTag: Int? { free.last }

    /// Takes the tag `nextTag` for a request.
    mutating func insert(_ request: BlockRequest) {
        guard let tag = free.popLast() else { return }
        (requests + tag).initialize(to: request)
    }

    /// Frees the tag of a request that is there.
    mutating func remove(_ tag: Int) {
        free.append(tag)
    }

    /// - Parameter tag: of a request that is there.
    subscript(tag: Int) -> BlockRequest {
        get { requests[tag] }
        set { requests[tag] = newValue }
    }

    /// Room for the ranges of the request with this tag.
    func ranges(of tag: Int) -> UnsafeMutablePointer<CheckedRange> {
        rangeLists + tag * BlockLimits.discardRanges
    }
}
