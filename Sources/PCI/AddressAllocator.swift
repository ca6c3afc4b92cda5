/// Gives out addresses from a window, each a multiple of its size, as base address registers need them.
struct AddressAllocator: Sendable {
    private let last: UInt64
    /// nil once the window is used up.
    private var next: UInt64?

    init(_ window: ClosedRange<UInt64>) {
        next = window.lowerBound
        last = window.upperBound
    }

    /// - Parameter size: a power of two.
    /// - Returns: nil when there is no more room.
    mutating func allocate(_ size: UInt64) -> UInt64? {
        guard let next else { return nil }
        let (aligned, overflow) = next.addingReportingOverflow(size - 1)
        let start = aligned & ~(size - 1)
        guard !overflow, start <= last, size - 1 <= last - start else { return nil }
        let end = start + (size - 1)
        self.next = end < last ? end + 1 : nil
        return start
    }
}
