import Boot
import MachineConfiguration
import Testing

@Suite struct BzImageTests {
    @Test(arguments: Compression.allCases)
    func theKernelWithinIsUnpacked(format: Compression) throws {
        let elf = MadeUpELF().bytes
        let bytes = MadeUpBzImage(elf, format).bytes
        let unpacked = try open(bytes).get()
        #expect(unpacked.bootProtocol == .pvh)
        #expect(unpacked.content == (try open(elf).get().content))
        #expect(unpacked.commandLineLimit == 1000)

        let whole = try open(bytes, .linux64).get()
        #expect(whole.bootProtocol == .linux64)
        guard case .bzImage(let bzImage) = whole.content else { throw KernelMix.unexpected }
        #expect(bzImage.kernelOffset == 1024)
        #expect(bzImage.kernelCount == UInt64(bytes.count - 1024))
        #expect(bzImage.setupHeader.count == 0x26c - 0x1f1)
    }

    private enum KernelMix: Error { case unexpected }

    @Test func aKernelWithinThatHasNoPVHNoteIsEnteredThroughItsELFEntry() throws {
        var elf = MadeUpELF()
        elf.segments.removeLast()
        let bytes = MadeUpBzImage(elf.bytes, .zstd).bytes
        let image = try open(bytes).get()
        #expect(image.bootProtocol == .linux64)
        if case .bzImage = image.content { Issue.record("not unpacked") }
        #expect((try? open(bytes, .pvh).get()) == nil)
    }

    @Test func anUnknownCompressedFormatIsLeftToTheGuest() throws {
        var made = MadeUpBzImage(MadeUpELF().bytes, .xz)
        made.payload = Array("BZh91AY&SY".utf8) + made.payload
        let image = try open(made.bytes).get()
        guard case .bzImage = image.content else { throw KernelMix.unexpected }
        let error = #expect(throws: KernelImageError.self) { try open(made.bytes, .pvh).get() }
        #expect(error?.description.contains("--boot-protocol linux64") == true)
    }

    @Test(
        arguments: [
            (0x206, UInt64(0x20b), 2, "boot protocol 2.11"), (0x236, 0x7e, 2, "32-bit"), (0x211, 0, 1, "zImage"),
            (0x201, 0x10, 1, "before fields"), (0x1f4, 0, 4, "impossible sizes"), (0x1f1, 0xff, 1, "it should have"),
            (0x1f4, 0xffff_ffff, 4, "it should have"), (0x248, 0xffff_ffff, 4, "beyond its end"),
            (0x24c, 0xffff_ffff, 4, "beyond its end"), (0x230, 0, 4, "power of two"),
            (0x230, 0x30_0000, 4, "power of two"), (0x260, 16, 4, "fewer than its own"),
            (0x24c, 9, 4, "damaged kernel"),
        ] as [(Int, UInt64, Int, String)])
    func contradictionsAreNamed(offset: Int, value: UInt64, width: Int, word: String) {
        var bytes = MadeUpBzImage(MadeUpELF().bytes, .gzip).bytes
        bytes.replaceSubrange(offset..<(offset + width), with: value.littleEndianBytes.prefix(width))
        let error = #expect(throws: KernelImageError.self) { try open(bytes).get() }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "none")")
    }

    @Test func aPayloadOneByteTooLongIsRefused() {
        let made = MadeUpBzImage(MadeUpELF().bytes, .gzip)
        let room = made.bytes.count - 1024 - MadeUpBzImage.payloadStart
        #expect((try? open(made.bytes.with(UInt32(room), at: 0x24c), .linux64).get()) != nil)
        let error = #expect(throws: KernelImageError.self) {
            try open(made.bytes.with(UInt32(room + 1), at: 0x24c), .linux64).get()
        }
        #expect(error?.description.contains("beyond its end") == true)
    }

    @Test(
        arguments: [
            (0, "claims to be 0 bytes"), (100, "holds more than 100 bytes"), (6000, "cut short"),
            (0x100_0001, "claims to be 16777217 bytes"), (0xffff_ffff, "claims to be 4294967295 bytes"),
        ] as [(UInt32, String)], [Compression.xz, .zstd, .lz4Legacy])
    func aWrongUnpackedSizeIsRefused(wrong: (size: UInt32, word: String), format: Compression) {
        var made = MadeUpBzImage(MadeUpELF().bytes, format)
        made.payload.replaceSubrange((made.payload.count - 4)..., with: wrong.size.littleEndianBytes)
        let error = #expect(throws: KernelImageError.self) { try open(made.bytes).get() }
        #expect(error?.description.contains(wrong.word) == true, "\(error?.description ?? "none")")
    }

    @Test(arguments: Compression.allCases)
    func everyTruncationAndDamagedHeaderIsAnErrorOrSound(format: Compression) {
        let bytes = MadeUpBzImage(MadeUpELF().bytes, format).bytes
        for count in stride(from: 0, to: bytes.count, by: 3) {
            #expect((try? open(Array(bytes.prefix(count))).get()) == nil)
        }
        for index in 0x1f0..<0x270 {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[index] ^= 1 << bit
                for choice in BootProtocolChoice.allCases {
                    if case .success(let image) = open(flipped, choice) { #expect(isSound(image)) }
                }
            }
        }
    }
}
