import GuestMemory

/// Where a kernel and its initrd go in guest memory.
public struct Placement: Equatable, Sendable {
    /// All memory that the kernel uses before it knows the memory map.
    public let kernel: Range<UInt64>
    /// Starts on a page's boundary.
    public let initrd: Range<UInt64>?

    /// Finds room for a kernel and an initrd.
    ///
    /// - Parameter initrd: its name, for errors, and its size in bytes.
    /// - Throws: `PlacementError` when they do not fit.
    public init(
        of image: KernelImage, initrd: (name: String, size: UInt64)?, in machine: MachineDescription
    ) throws(PlacementError) {
        kernel = try Self.place(image, in: machine)
        guard let initrd else {
            self.initrd = nil
            return
        }
        guard initrd.size > 0 else { throw .emptyInitrd(initrd.name) }
        // Since the kernel lies below the end of low memory, no sum of these overflows.
        let lowest = kernel.upperBound.roundedUp(to: GuestMemory.pageSize)
        let end = min(machine.lowMemoryEnd, image.initrdLastAddress + 1)
        guard let start = Self.highest(initrd.size, in: lowest, end, avoiding: machine.reserved) else {
            throw .initrdTooLarge(initrd.name, size: initrd.size, room: end - min(lowest, end))
        }
        self.initrd = start..<(start + initrd.size)
    }

    private static func place(
        _ image: KernelImage, in machine: MachineDescription
    ) throws(PlacementError) -> Range<UInt64> {
        let start: UInt64
        let size: UInt64
        switch image.content {
        case .elf(let elf):
            (start, size) = (elf.start, elf.end - elf.start)
        case .bzImage(let bzImage):
            // The kernel would itself move from a lower address to this one (boot.rst, init_size).
            let aligned = bzImage.preferredAddress.addingReportingOverflow(bzImage.alignment - 1)
            start = aligned.overflow ? .max : aligned.partialValue & ~(bzImage.alignment - 1)
            size = bzImage.initSize
        }
        guard start >= Layout.extendedStart else { throw .kernelTooLow(image.name, address: start) }
        let end = start.addingReportingOverflow(size)
        guard !end.overflow, end.partialValue <= machine.lowMemoryEnd else {
            throw .kernelTooLarge(
                image.name, end: end.overflow ? .max : end.partialValue, memoryEnd: machine.lowMemoryEnd)
        }
        let range = start..<end.partialValue
        if let reserved = machine.reserved.first(where: { $0.overlaps(range) }) {
            throw .kernelOnReserved(image.name, kernel: range, reserved: reserved)
        }
        return range
    }

    /// The highest page-aligned start of `size` bytes between `lowest` and `end` that touches nothing reserved.
    private static func highest(
        _ size: UInt64, in lowest: UInt64, _ end: UInt64, avoiding reserved: [Range<UInt64>]
    ) -> UInt64? {
        func start(below end: UInt64) -> UInt64? {
            guard size <= end else { return nil }
            let start = (end - size) & ~(GuestMemory.pageSize - 1)
            return start >= lowest ? start : nil
        }
        var candidate = start(below: end)
        // From above: what was passed once cannot be met again.
        for range in reserved.sorted(by: { $0.lowerBound > $1.lowerBound }) {
            guard let current = candidate else { return nil }
            if range.overlaps(current..<(current + size)) { candidate = start(below: range.lowerBound) }
        }
        return candidate
    }
}

extension UInt64 {
    /// The next multiple of a power of two; for values far from the largest.
    func roundedUp(to granule: UInt64) -> UInt64 {
        (self &+ (granule - 1)) & ~(granule - 1)
    }
}
