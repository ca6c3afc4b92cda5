import Instructions

/// A way to any physical address: 2 MiB of the virtual address space, from 511 GiB up, that show what is asked for.
enum MemoryWindow {
    private static var start: UInt { 511 << 30 }
    private static var pageSize: UInt64 { 2 << 20 }
    /// Present, writable, uncached, 2 MiB (Intel SDM volume 3, table 4-18).
    private static var flags: UInt64 { 1 << 0 | 1 << 1 | 1 << 4 | 1 << 7 }

    /// The virtual address that shows `physical` and the rest of its 2 MiB page until the next call.
    static func address(of physical: UInt64) -> UInt {
        window_directory()[0] = physical & ~(pageSize - 1) | flags
        invlpg(UInt64(start))
        return start + UInt(physical & (pageSize - 1))
    }
}
