/// What a kernel module says about itself: the `key=value` strings of its `.modinfo` section
/// (Linux `include/linux/module.h`, `MODULE_INFO`).
struct ModuleInformation {
    private let strings: [Substring]

    /// - Returns: nil when `module` is no little-endian ELF64 file with that section.
    init?(module: [UInt8]) {
        let section = module.withUnsafeBytes { Self.section(named: ".modinfo", of: $0).map(Array.init) }
        guard let section else { return nil }
        strings = String(decoding: section, as: UTF8.self).split(separator: "\0")
    }

    /// All values of `key`, in the file's order.
    func values(of key: String) -> [Substring] {
        strings.compactMap { $0.hasPrefix("\(key)=") ? $0.dropFirst(key.count + 1) : nil }
    }

    // Offsets in Elf64_Ehdr and Elf64_Shdr (System V ABI, generic, chapter 4).
    private static let identification: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1]
    private static let sectionTableOffset = 0x28
    private static let sectionEntrySizeOffset = 0x3a
    private static let sectionCountOffset = 0x3c
    private static let sectionNamesIndexOffset = 0x3e
    private static let sectionEntrySize = 64

    private static func section(named name: String, of file: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard file.starts(with: identification),
            let table: UInt64 = load(file, sectionTableOffset),
            let entrySize: UInt16 = load(file, sectionEntrySizeOffset), entrySize == sectionEntrySize,
            let count: UInt16 = load(file, sectionCountOffset),
            let namesIndex: UInt16 = load(file, sectionNamesIndexOffset),
            let headers = slice(file, table, UInt64(count) * UInt64(sectionEntrySize)),
            let names = contents(ofSection: Int(namesIndex), headers, file)
        else { return nil }
        let wanted = Array(name.utf8) + [0]
        for index in 0..<Int(count) {
            guard let nameOffset: UInt32 = load(headers, index * sectionEntrySize),
                let found = slice(names, UInt64(nameOffset), UInt64(wanted.count)), found.elementsEqual(wanted)
            else { continue }
            return contents(ofSection: index, headers, file)
        }
        return nil
    }

    private static func contents(
        ofSection index: Int, _ headers: UnsafeRawBufferPointer, _ file: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard let offset: UInt64 = load(headers, index * sectionEntrySize + 0x18),
            let size: UInt64 = load(headers, index * sectionEntrySize + 0x20)
        else { return nil }
        return slice(file, offset, size)
    }

    private static func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, _ offset: Int
    ) -> Value? {
        slice(bytes, UInt64(offset), UInt64(MemoryLayout<Value>.size)).map {
            Value(littleEndian: $0.loadUnaligned(as: Value.self))
        }
    }

    private static func slice(
        _ bytes: UnsafeRawBufferPointer, _ offset: UInt64, _ count: UInt64
    ) -> UnsafeRawBufferPointer? {
        let total = UInt64(bytes.count)
        guard offset <= total, count <= total - offset else { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[Int(offset)..<Int(offset + count)])
    }
}
