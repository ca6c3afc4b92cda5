import GuestMemory

/// The page tables of the 64-bit entry: the first 4 GiB mapped to themselves with pages of 2 MiB
/// (Intel SDM volume 3, §4.5.4).
enum PageTables {
    private static let entries: UInt64 = 512
    private static let largePage: UInt64 = 2 << 20
    /// Present, writable, and accessed, so that the processor need not write it back.
    private static let tableFlags: UInt64 = 0x23
    /// Besides, dirty and a large page.
    private static let pageFlags: UInt64 = 0xe3

    /// Writes the tables to `Layout.pageTables`, the root first.
    static func write(to memory: GuestMemory) throws(GuestMemoryError) {
        let root = Layout.pageTables
        let pointers = root + GuestMemory.pageSize
        let directories = pointers + GuestMemory.pageSize
        try memory.store((pointers | tableFlags).littleEndian, at: root)
        let pages = Layout.identityMapEnd / largePage
        for table in 0..<(pages / entries) {
            let directory = directories + table * GuestMemory.pageSize
            try memory.store((directory | tableFlags).littleEndian, at: pointers + table * 8)
        }
        // The directories follow one another, so their entries do too.
        for page in 0..<pages {
            try memory.store((page * largePage | pageFlags).littleEndian, at: directories + page * 8)
        }
    }
}
