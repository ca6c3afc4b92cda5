/// A 64-bit ELF executable, validated: its segments lie within the file, do not overlap and have representable ends.
///
/// ELF-64 Object File Format 1.5; what x86-64 adds, System V ABI AMD64 supplement.
public struct ELFImage: Equatable, Sendable {
    /// A part of the file and where it goes; what memory has beyond the file's part is zero.
    public struct Segment: Equatable, Sendable {
        public let fileOffset: UInt64
        /// Bytes taken from the file, at most `memoryCount`.
        public let fileCount: UInt64
        /// Guest-physical address.
        public let address: UInt64
        /// Bytes in memory, at least one.
        public let memoryCount: UInt64

        public var end: UInt64 { address + memoryCount }
    }

    /// Guest-physical `e_entry`; not always within a segment.
    public let entry: UInt64
    /// In ascending order of addresses; at least one.
    public let segments: [Segment]
    /// The 32-bit entry point that a Xen note names (XEN_ELFNOTE_PHYS32_ENTRY); not always within a segment.
    public let pvhEntry: UInt32?

    /// First guest-physical address.
    public var start: UInt64 { segments.first?.address ?? 0 }
    /// The address after the last byte in memory.
    public var end: UInt64 { segments.last?.end ?? 0 }

    /// Whether code can begin at `address`.
    public func contains(_ address: UInt64) -> Bool {
        segments.contains { $0.address <= address && address < $0.end }
    }
}

extension ELFImage {
    static let magic: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]
    private static let headerSize = 64
    private static let programHeaderSize = 56
    /// Kernels have five program headers; this only keeps a hostile file from taking time.
    private static let mostProgramHeaders = 128
    private static let load: UInt32 = 1
    private static let note: UInt32 = 4

    /// Reads and checks the headers of `source`.
    init(_ source: ByteSource) throws(KernelImageError.Reason) {
        let header = Fields(try Self.read(source, Self.headerSize, at: 0))
        try Self.check(header)
        var loaded: [Segment] = []
        var pvhEntry: UInt32?
        for program in try Self.programHeaders(header, source) {
            switch program.read(0, as: UInt32.self) {
            case Self.load:
                if let segment = try Self.segment(program, fileCount: source.count) { loaded.append(segment) }
            case Self.note where pvhEntry == nil:
                pvhEntry = try ELFNotes.pvhEntry(of: program, in: source)
            default: break
            }
        }
        segments = loaded.sorted { $0.address < $1.address }
        guard !segments.isEmpty else { throw .malformed("its ELF header names nothing to load") }
        for (lower, upper) in zip(segments, segments.dropFirst()) where lower.end > upper.address {
            throw .malformed("two ELF segments overlap at address \(hexadecimal(upper.address))")
        }
        entry = header.read(24)
        self.pvhEntry = pvhEntry
    }

    /// The first `size` bytes from `offset` on, all of which must be there.
    static func read(_ source: ByteSource, _ size: Int, at offset: UInt64) throws(KernelImageError.Reason) -> [UInt8] {
        let bytes: [UInt8]
        do throws(ByteSourceError) {
            bytes = try source.prefix(size, at: offset)
        } catch {
            throw .unreadable(error)
        }
        guard bytes.count == size else { throw .malformed("the file ends within its headers") }
        return bytes
    }

    private static func check(_ header: Fields) throws(KernelImageError.Reason) {
        let identification = (4..<7).map { header.read($0, as: UInt8.self) }
        switch identification[0] {
        case 2: break
        case 1: throw .unsupported("a 32-bit ELF file; give a 64-bit x86 kernel")
        default: throw .malformed("its ELF class is \(identification[0])")
        }
        switch identification[1] {
        case 1: break
        case 2: throw .unsupported("a big-endian ELF file; give an x86-64 kernel")
        default: throw .malformed("its ELF byte order is \(identification[1])")
        }
        guard identification[2] == 1, header.read(20, as: UInt32.self) == 1 else {
            throw .malformed("its ELF version is not 1")
        }
        let machine = header.read(18, as: UInt16.self)
        guard machine == 62 else {
            throw .unsupported("an ELF file for \(machineName(machine)); give an x86-64 kernel")
        }
        switch header.read(16, as: UInt16.self) {
        case 2: break
        case 1: throw .unsupported("an ELF object file or kernel module; give a linked kernel (vmlinux)")
        case 3:
            throw .unsupported(
                "an ELF shared object or position-independent program; give a kernel linked to a fixed address")
        case 4: throw .unsupported("a core dump; give an x86-64 kernel")
        case let other: throw .malformed("its ELF type is \(other)")
        }
    }

    private static func machineName(_ machine: UInt16) -> String {
        switch machine {
        case 3: "32-bit x86"
        case 21: "PowerPC"
        case 22: "S/390"
        case 40: "32-bit Arm"
        case 183: "arm64"
        case 243: "RISC-V"
        case 258: "LoongArch"
        default: "machine number \(machine)"
        }
    }

    private static func programHeaders(_ header: Fields, _ source: ByteSource) throws(KernelImageError.Reason)
        -> [Fields]
    {
        let offset = header.read(32, as: UInt64.self)
        let size = Int(header.read(54, as: UInt16.self))
        let count = Int(header.read(56, as: UInt16.self))
        guard count > 0 else { throw .malformed("it has no ELF program headers") }
        guard size == programHeaderSize else { throw .malformed("its ELF program headers have \(size) bytes, not 56") }
        guard count <= mostProgramHeaders else {
            throw .malformed("it has \(count) ELF program headers, more than \(mostProgramHeaders)")
        }
        let table = try read(source, count * size, at: offset)
        return (0..<count).map { Fields(table[($0 * size)..<(($0 + 1) * size)]) }
    }

    /// - Returns: nil for a segment that takes no memory.
    private static func segment(_ program: Fields, fileCount: UInt64) throws(KernelImageError.Reason) -> Segment? {
        let segment = Segment(
            fileOffset: program.read(8), fileCount: program.read(32), address: program.read(24),
            memoryCount: program.read(40))
        let name = "the ELF segment for address \(hexadecimal(segment.address))"
        guard segment.fileCount <= segment.memoryCount else {
            throw .malformed("\(name) has more bytes in the file than in memory")
        }
        guard segment.memoryCount > 0 else { return nil }
        guard segment.fileOffset <= fileCount, segment.fileCount <= fileCount - segment.fileOffset else {
            throw .malformed("\(name) goes on beyond the end of the file")
        }
        guard !segment.address.addingReportingOverflow(segment.memoryCount).overflow else {
            throw .malformed("\(name) goes on beyond the end of the address space")
        }
        return segment
    }
}
