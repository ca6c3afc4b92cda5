/// The notes of an ELF file (ELF-64 Object File Format 1.5, "Note Section").
enum ELFNotes {
    /// A kernel's notes take some hundred bytes.
    private static let mostBytes: UInt64 = 64 << 10
    private static let headerSize: UInt64 = 12
    /// XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h): the entry point of a PVH guest.
    private static let physicalEntry32: UInt32 = 18

    /// The PVH entry that the notes of the program header `program` name.
    ///
    /// - Returns: nil where they name none, or only after a note that makes no sense.
    static func pvhEntry(of program: Fields, in source: ByteSource) throws(KernelImageError.Reason) -> UInt32? {
        let offset = program.read(8, as: UInt64.self)
        let count = program.read(32, as: UInt64.self)
        guard offset <= source.count, count <= source.count - offset else {
            throw .malformed("its ELF notes go on beyond the end of the file")
        }
        let bytes = try ELFImage.read(source, Int(min(count, mostBytes)), at: offset)
        return pvhEntry(in: bytes, alignment: program.read(48, as: UInt64.self) == 8 ? 8 : 4)
    }

    private static func pvhEntry(in bytes: [UInt8], alignment: UInt64) -> UInt32? {
        let end = UInt64(bytes.count)
        var position: UInt64 = 0
        while end - position >= headerSize {
            let note = Fields(bytes[Int(position)...])
            let nameCount = UInt64(note.read(0, as: UInt32.self))
            let valueCount = UInt64(note.read(4, as: UInt32.self))
            // Sums of 32-bit numbers cannot overflow 64 bits.
            let value = position + aligned(headerSize + nameCount, alignment)
            let next = position + aligned(value - position + valueCount, alignment)
            guard value + valueCount <= end else { return nil }
            let isXen = nameCount == 4 && note.bytes.dropFirst(Int(headerSize)).starts(with: Array("Xen\0".utf8))
            if isXen, note.read(8, as: UInt32.self) == physicalEntry32 {
                return entry(Fields(bytes[Int(value)..<Int(value + valueCount)]))
            }
            guard next <= end else { return nil }
            position = next
        }
        return nil
    }

    /// Linux writes the address with the size of a pointer, others with 32 bits.
    private static func entry(_ value: Fields) -> UInt32? {
        switch value.bytes.count {
        case 4: value.read(0, as: UInt32.self)
        case 8: UInt32(exactly: value.read(0, as: UInt64.self))
        default: nil
        }
    }

    private static func aligned(_ count: UInt64, _ alignment: UInt64) -> UInt64 {
        (count + alignment - 1) & ~(alignment - 1)
    }
}
