import GuestMemory

/// What a PVH guest is told (xen/include/public/arch-x86/hvm/start_info.h, version 1).
struct StartInfo {
    private static let magic: UInt32 = 0x336e_c578
    private static let version: UInt32 = 1

    let initrd: Range<UInt64>?
    let memoryMap: [MemoryRange]
    let rsdpAddress: UInt64

    /// Writes it to `Layout.startInfo`, and the lists that it refers to to their places.
    func write(to memory: GuestMemory) throws(GuestMemoryError) {
        var info = FieldWriter(count: 56)
        info.put(Self.magic, at: 0)
        info.put(Self.version, at: 4)
        info.put(UInt32(initrd == nil ? 0 : 1), at: 12)
        info.put(initrd == nil ? 0 : Layout.moduleList, at: 16)
        info.put(Layout.commandLine, at: 24)
        info.put(rsdpAddress, at: 32)
        info.put(Layout.memoryMapTable, at: 40)
        info.put(UInt32(clamping: memoryMap.count), at: 48)
        try memory.write(info.bytes, at: Layout.startInfo)

        if let initrd {
            var module = FieldWriter(count: 32)
            module.put(initrd.lowerBound, at: 0)
            module.put(initrd.upperBound - initrd.lowerBound, at: 8)
            try memory.write(module.bytes, at: Layout.moduleList)
        }

        let entrySize = 24
        var table = FieldWriter(count: memoryMap.count * entrySize)
        for (index, entry) in memoryMap.enumerated() {
            table.put(entry.range.lowerBound, at: index * entrySize)
            table.put(entry.range.upperBound - entry.range.lowerBound, at: index * entrySize + 8)
            table.put(entry.kind.rawValue, at: index * entrySize + 16)
        }
        try memory.write(table.bytes, at: Layout.memoryMapTable)
    }
}
