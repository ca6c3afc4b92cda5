import Boot
import MachineConfiguration
import Testing

@Suite struct ELFImageTests {
    @Test func aKernelWithThePVHNoteIsBootedThroughIt() throws {
        let made = MadeUpELF()
        let image = try open(made.bytes).get()
        #expect(image.bootProtocol == .pvh)
        #expect(image.commandLineLimit == 2047)
        guard case .elf(let elf) = image.content else { throw Unexpected.content }
        #expect(elf.pvhEntry == 0x10_0010)
        #expect(elf.entry == 0x10_0000)
        #expect(elf.segments.map(\.address) == [0x10_0000, 0x20_0000])
        #expect(elf.segments.map(\.memoryCount) == [5000, 0x3000])
        #expect(elf.segments.map(\.fileCount) == [5000, 100])
        #expect(elf.end == 0x20_3000)
        #expect(try open(made.bytes, .linux64).get().bootProtocol == .linux64)
    }

    /// Wherever it lies: the file is read in parts of 256 KiB.
    @Test func theVersionIsFoundWhole() throws {
        let banner = Array("Linux version 6.1.0-9-cloud-amd64 (somebody)".utf8)
        for offset in (256 << 10) - 120...256 << 10 {
            var bytes = MadeUpELF().bytes
            bytes += [UInt8](repeating: 0, count: offset - bytes.count) + banner + [0]
            #expect(try open(bytes).get().release == "6.1.0-9-cloud-amd64", "at \(offset)")
        }
    }

    private enum Unexpected: Error { case content }

    @Test(
        arguments: [
            (MadeUpELF.note(UInt32(0x10_0020).littleEndianBytes), 0x10_0020),
            (MadeUpELF.note(UInt64(0x1_0000_0000).littleEndianBytes), nil),
            (MadeUpELF.note([1, 2, 3]), nil),
            (MadeUpELF.note(UInt32(0x10_0020).littleEndianBytes, name: "Xin\0"), nil),
            (MadeUpELF.note(UInt32(0x10_0020).littleEndianBytes, name: "Xen\0more\0"), nil),
            (MadeUpELF.note(UInt32(0x10_0020).littleEndianBytes, type: 17), nil),
            (MadeUpELF.Segment(type: 4, address: 0, bytes: [UInt8](repeating: 0xff, count: 64)), nil),
            (MadeUpELF.Segment(type: 4, address: 0, bytes: []), nil),
        ] as [(MadeUpELF.Segment, UInt32?)])
    func theNoteMayHaveEitherWidth(note: MadeUpELF.Segment, expected: UInt32?) throws {
        var made = MadeUpELF()
        made.segments[2] = note
        let image = try open(made.bytes).get()
        #expect(image.bootProtocol == (expected == nil ? .linux64 : .pvh))
        if case .elf(let elf) = image.content { #expect(elf.pvhEntry == expected) }
    }

    @Test func askingForPVHWithoutTheNoteSaysSo() throws {
        var made = MadeUpELF()
        made.segments.removeLast()
        let error = #expect(throws: KernelImageError.self) { try open(made.bytes, .pvh).get() }
        #expect(error?.description.contains("no PVH entry") == true)
        #expect(error?.description.contains("--boot-protocol linux64") == true)
    }

    /// One field of the file's header or of the first program header, an impossible value, and a word of the answer.
    @Test(
        arguments: [
            (4, UInt64(1), 1, "32-bit"), (5, 2, 1, "big-endian"), (6, 0, 1, "version"), (16, 1, 2, "object file"),
            (16, 3, 2, "position-independent"), (16, 9, 2, "type is 9"), (18, 183, 2, "arm64"),
            (18, 999, 2, "machine number 999"), (24, 0x20_3000, 8, "entry"), (32, .max, 8, "ends within"),
            (32, 9000, 8, "ends within"), (54, 57, 2, "57 bytes"), (56, 0, 2, "no ELF program headers"),
            (56, 0xffff, 2, "65535"), (64 + 8, .max, 8, "beyond the end of the file"),
            (64 + 8, 6000, 8, "beyond the end of the file"),
            (64 + 8, 1000, 8, "beyond the end of the file"), (64 + 32, 5001, 8, "more bytes in the file"),
            (64 + 40, .max, 8, "end of the address space"), (64 + 40, 0x10_0001, 8, "overlap"),
            (64 + 24, 0x20_2fff, 8, "overlap"), (64 + 24, .max - 4998, 8, "end of the address space"),
            (64 + 112 + 8, .max, 8, "notes go on beyond"), (64 + 112 + 32, .max, 8, "notes go on beyond"),
            (64 + 112 + 32, 200, 8, "notes go on beyond"),
        ] as [(Int, UInt64, Int, String)])
    func contradictionsAreNamed(offset: Int, value: UInt64, width: Int, word: String) throws {
        var bytes = MadeUpELF().bytes
        bytes.replaceSubrange(offset..<(offset + width), with: value.littleEndianBytes.prefix(width))
        let error = #expect(throws: KernelImageError.self) { try open(bytes, .linux64).get() }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "none")")
        #expect(error?.description.hasPrefix("made-up: ") == true)
    }

    @Test func anEntryOutsideOfTheSegmentsIsRefused() {
        var made = MadeUpELF()
        made.segments[2] = MadeUpELF.note(UInt32(0x10_1388).littleEndianBytes)
        #expect((try? open(made.bytes, .pvh).get()) == nil)
        #expect((try? open(made.bytes, .linux64).get()) != nil)
    }

    @Test func everyTruncationAndEveryFlippedBitIsAnErrorOrSound() {
        let bytes = MadeUpELF().bytes
        for count in 0..<bytes.count { #expect((try? open(Array(bytes.prefix(count))).get()) == nil) }
        for index in Array(0..<(64 + 3 * 56)) + Array((bytes.count - 80)..<bytes.count) {
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
