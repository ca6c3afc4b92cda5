import GuestMemory

/// `boot_params` of the Linux x86 boot protocol 2.15 (boot.rst and zero-page.rst), by offset.
struct BootParameters {
    private static let size = 4096
    private static let entrySize = 20

    /// A bzImage's own set-up header, from 0x1f1 on; an ELF kernel has none.
    let setupHeader: [UInt8]?
    let initrd: Range<UInt64>?
    let memoryMap: [MemoryRange]
    let rsdpAddress: UInt64

    /// Writes them to `Layout.bootParameters`.
    func write(to memory: GuestMemory) throws(GuestMemoryError) {
        var page = FieldWriter(count: Self.size)
        if let setupHeader {
            page.put(setupHeader, at: BzImage.setupHeaderStart)
        } else {
            page.put(UInt16(0xaa55), at: 0x1fe)  // boot_flag
            page.put(UInt32(0x5372_6448), at: 0x202)  // "HdrS"
            page.put(UInt16(0x20f), at: 0x206)  // version
            page.put(UInt8(1), at: 0x211)  // loadflags: LOADED_HIGH
            page.put(UInt32(0x20_0000), at: 0x230)  // kernel_alignment
        }
        page.put(UInt16(0xffff), at: 0x1fa)  // vid_mode: normal
        page.put(UInt8(0xff), at: 0x210)  // type_of_loader: none with a number of its own
        page.put(UInt32(clamping: Layout.commandLine), at: 0x228)
        page.put(rsdpAddress, at: 0x070)  // acpi_rsdp_addr
        if let initrd {
            // Both fit 32 bits, because initrds go below 4 GiB.
            page.put(UInt32(clamping: initrd.lowerBound), at: 0x218)
            page.put(UInt32(clamping: initrd.upperBound - initrd.lowerBound), at: 0x21c)
        }
        page.put(UInt8(clamping: memoryMap.count), at: 0x1e8)  // e820_entries
        for (index, entry) in memoryMap.enumerated() {
            let offset = 0x2d0 + index * Self.entrySize
            page.put(entry.range.lowerBound, at: offset)
            page.put(entry.range.upperBound - entry.range.lowerBound, at: offset + 8)
            page.put(entry.kind.rawValue, at: offset + 16)
        }
        try memory.write(page.bytes, at: Layout.bootParameters)
    }
}
