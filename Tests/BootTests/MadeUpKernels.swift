import Boot
import MachineConfiguration

/// An ELF file put together field by field; the defaults make a small valid kernel with a PVH note.
struct MadeUpELF {
    struct Segment {
        var type: UInt32 = 1
        var address: UInt64
        var bytes: [UInt8]
        var memoryCount: UInt64?
        var alignment: UInt64 = 4096
    }

    static let pvhEntry: UInt64 = 0x10_0010

    var entry: UInt64 = 0x10_0000
    var segments = [
        Segment(address: 0x10_0000, bytes: sampleBytes(count: 5000, seed: 7)),
        Segment(address: 0x20_0000, bytes: sampleBytes(count: 100, seed: 8), memoryCount: 0x3000),
        Self.note(Self.pvhEntry.littleEndianBytes),
    ]

    static func note(_ value: [UInt8], name: String = "Xen\0", type: UInt32 = 18) -> Segment {
        // Another note before it, whose name and value need padding.
        let other = noteBytes(Array("abcdef".utf8), name: "GNU!!\0", type: 18)
        return Segment(type: 4, address: 0, bytes: other + noteBytes(value, name: name, type: type), alignment: 4)
    }

    private static func noteBytes(_ value: [UInt8], name: String, type: UInt32) -> [UInt8] {
        func padded(_ bytes: [UInt8]) -> [UInt8] {
            bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
        }
        return UInt32(name.utf8.count).littleEndianBytes + UInt32(value.count).littleEndianBytes
            + type.littleEndianBytes + padded(Array(name.utf8)) + padded(value)
    }

    /// The offset of the program header with this index.
    static func programHeader(_ index: Int) -> Int { 64 + 56 * index }

    var bytes: [UInt8] {
        var header: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        header += UInt16(2).littleEndianBytes + UInt16(62).littleEndianBytes + UInt32(1).littleEndianBytes
        header += entry.littleEndianBytes + UInt64(64).littleEndianBytes + UInt64(0).littleEndianBytes
        header += UInt32(0).littleEndianBytes + UInt16(64).littleEndianBytes + UInt16(56).littleEndianBytes
        header += UInt16(segments.count).littleEndianBytes + [0, 0, 0, 0, 0, 0]
        var offset = 64 + 56 * segments.count
        var contents: [UInt8] = []
        for segment in segments {
            let count = UInt64(segment.bytes.count)
            header += segment.type.littleEndianBytes + UInt32(7).littleEndianBytes
            header += UInt64(offset).littleEndianBytes + segment.address.littleEndianBytes
            header += segment.address.littleEndianBytes + count.littleEndianBytes
            header += (segment.memoryCount ?? count).littleEndianBytes + segment.alignment.littleEndianBytes
            contents += segment.bytes
            offset += segment.bytes.count
        }
        return header + contents
    }
}

/// A bzImage put together field by field around a payload.
struct MadeUpBzImage {
    var payload: [UInt8]
    var version: UInt16 = 0x20f
    var xloadflags: UInt16 = 0x7f
    var loadflags: UInt8 = 1
    var preferredAddress: UInt64 = 0x100_0000
    var alignment: UInt32 = 0x20_0000
    var initSize: UInt32 = 0x100_0000
    var commandLineSize: UInt32 = 1000

    static let payloadStart = 0x300

    /// Around `elf`, compressed and followed by its size as the kernel's build does it.
    init(_ elf: [UInt8], _ format: Compression) {
        payload = Compressors.compress(elf, format)
        if format != .gzip { payload += UInt32(elf.count).littleEndianBytes }
    }

    var bytes: [UInt8] {
        let kernelCount = (Self.payloadStart + payload.count + 15) / 16 * 16
        var result = [UInt8](repeating: 0, count: 2 * 512 + kernelCount)
        func put(_ value: some FixedWidthInteger, at offset: Int) {
            result.replaceSubrange(offset..<(offset + value.littleEndianBytes.count), with: value.littleEndianBytes)
        }
        put(UInt8(1), at: 0x1f1)
        put(UInt32(kernelCount / 16), at: 0x1f4)
        put(UInt16(0xaa55), at: 0x1fe)
        put(UInt16(0x6aeb), at: 0x200)
        put(UInt32(0x5372_6448), at: 0x202)
        put(version, at: 0x206)
        put(loadflags, at: 0x211)
        put(UInt32(0x7fff_ffff), at: 0x22c)
        put(alignment, at: 0x230)
        put(UInt8(1), at: 0x234)
        put(xloadflags, at: 0x236)
        put(commandLineSize, at: 0x238)
        put(UInt32(Self.payloadStart), at: 0x248)
        put(UInt32(payload.count), at: 0x24c)
        put(preferredAddress, at: 0x258)
        put(initSize, at: 0x260)
        let start = 2 * 512 + Self.payloadStart
        result.replaceSubrange(start..<(start + payload.count), with: payload)
        return result
    }
}

extension FixedWidthInteger {
    var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { [UInt8]($0) } }
}

extension [UInt8] {
    /// The same with `value` stored at `offset`.
    func with(_ value: some FixedWidthInteger, at offset: Int) -> [UInt8] {
        var copy = self
        copy.replaceSubrange(offset..<(offset + value.littleEndianBytes.count), with: value.littleEndianBytes)
        return copy
    }
}

func open(
    _ bytes: [UInt8], _ choice: BootProtocolChoice = .automatic
) -> Result<KernelImage, KernelImageError> {
    Result { () throws(KernelImageError) in
        try KernelImage(ByteSource(bytes: bytes, name: "made-up"), bootProtocol: choice)
    }
}

/// Whether everything that a validated image promises holds.
func isSound(_ image: KernelImage) -> Bool {
    switch image.content {
    case .elf(let elf):
        let ascending = zip(elf.segments, elf.segments.dropFirst()).allSatisfy { $0.end <= $1.address }
        let representable = elf.segments.allSatisfy {
            $0.fileCount <= $0.memoryCount && !$0.address.addingReportingOverflow($0.memoryCount).overflow
                && !$0.fileOffset.addingReportingOverflow($0.fileCount).overflow
        }
        let entry = image.bootProtocol == .pvh ? elf.pvhEntry.map { UInt64($0) } : elf.entry
        return !elf.segments.isEmpty && ascending && representable && elf.contains(entry ?? 0)
    case .bzImage(let bzImage):
        return image.bootProtocol == .linux64 && bzImage.alignment.nonzeroBitCount == 1
            && bzImage.payloadCount <= bzImage.kernelCount && bzImage.initSize >= bzImage.kernelCount
            && bzImage.setupHeader.count <= 0x290 - 0x1f1
    }
}
