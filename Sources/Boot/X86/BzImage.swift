/// A Linux x86 bzImage, validated (Linux x86 boot protocol, Documentation/arch/x86/boot.rst).
public struct BzImage: Equatable, Sendable {
    /// The set-up header as the file has it, from offset 0x1f1 of `boot_params` on.
    public let setupHeader: [UInt8]
    /// Where the protected-mode kernel lies in the file.
    public let kernelOffset: UInt64
    /// Bytes of the protected-mode kernel.
    public let kernelCount: UInt64
    /// Where in the file the compressed ELF kernel lies.
    public let payloadOffset: UInt64
    /// Bytes of the compressed ELF kernel, with the length that follows it.
    public let payloadCount: UInt64
    /// The guest-physical address where the kernel wants to be.
    public let preferredAddress: UInt64
    /// What the address must be a multiple of; a power of two.
    public let alignment: UInt64
    /// Bytes of memory, from its address on, that the kernel needs before it knows the memory map.
    public let initSize: UInt64
    /// The last address that an initrd may use.
    public let initrdLastAddress: UInt64
    /// The most bytes of a command line, without its final NUL.
    public let commandLineLimit: Int
}

extension BzImage {
    /// Bytes from the file's start that hold the longest possible header.
    static let headerBytes = 0x400
    /// Where the set-up header begins, in the file as in `boot_params`.
    static let setupHeaderStart = 0x1f1
    /// The 64-bit entry lies this far into the protected-mode kernel.
    static let entry64Offset: UInt64 = 0x200
    /// Where `init_size` ends, the last field needed; every header since 2.10 has it.
    private static let leastHeaderEnd = 0x264
    /// Where `boot_params` goes on with other things.
    private static let mostHeaderEnd = 0x290
    private static let sectorSize: UInt64 = 512

    /// Whether a file that begins with `bytes` is meant to be an x86 Linux kernel: `boot_flag` and "HdrS".
    static func isLikely(_ bytes: [UInt8]) -> Bool {
        let fields = Fields(bytes)
        return fields.read(0x1fe, as: UInt16.self) == 0xaa55 && fields.read(0x202, as: UInt32.self) == 0x5372_6448
    }

    /// Checks a header.
    ///
    /// - Parameters:
    ///   - bytes: the first `headerBytes` of the file, or all it has.
    ///   - fileCount: bytes in the file.
    init(_ bytes: [UInt8], fileCount: UInt64) throws(KernelImageError.Reason) {
        let fields = Fields(bytes)
        try Self.checkVersion(fields)

        // The byte after the jump instruction at 0x200 is its distance, which leads to the header's end.
        let end = 0x202 + Int(fields.read(0x201, as: UInt8.self))
        guard end >= Self.leastHeaderEnd else {
            throw .malformed("its set-up header ends at \(hexadecimal(end)), before fields it must have")
        }
        guard bytes.count >= end else { throw .malformed("the file ends within its headers") }
        setupHeader = Array(bytes[Self.setupHeaderStart..<min(end, Self.mostHeaderEnd)])

        // For the sake of old boot loaders, 0 means 4.
        let setupSectors = fields.read(0x1f1, as: UInt8.self)
        kernelOffset = (UInt64(setupSectors == 0 ? 4 : setupSectors) + 1) * Self.sectorSize
        kernelCount = UInt64(fields.read(0x1f4, as: UInt32.self)) * 16
        guard kernelOffset >= UInt64(end), kernelCount > Self.entry64Offset else {
            throw .malformed("its set-up header gives impossible sizes")
        }
        guard kernelOffset <= fileCount, kernelCount <= fileCount - kernelOffset else {
            throw .malformed("it should have \(kernelOffset + kernelCount) bytes but has \(fileCount)")
        }

        let payloadStart = UInt64(fields.read(0x248, as: UInt32.self))
        payloadCount = UInt64(fields.read(0x24c, as: UInt32.self))
        payloadOffset = kernelOffset + payloadStart
        guard payloadStart <= kernelCount, payloadCount <= kernelCount - payloadStart else {
            throw .malformed("its compressed part goes on beyond its end")
        }

        alignment = UInt64(fields.read(0x230, as: UInt32.self))
        guard alignment.nonzeroBitCount == 1 else {
            throw .malformed("its alignment of \(alignment) bytes is not a power of two")
        }
        preferredAddress = fields.read(0x258)
        initSize = UInt64(fields.read(0x260, as: UInt32.self))
        guard initSize >= kernelCount else {
            throw .malformed("it wants \(initSize) bytes of memory, fewer than its own \(kernelCount)")
        }
        initrdLastAddress = UInt64(fields.read(0x22c, as: UInt32.self))
        commandLineLimit = Int(fields.read(0x238, as: UInt32.self))
    }

    private static func checkVersion(_ fields: Fields) throws(KernelImageError.Reason) {
        let version = fields.read(0x206, as: UInt16.self)
        guard version >= 0x20c else {
            throw .unsupported(
                """
                a Linux kernel with boot protocol \(version >> 8).\(version & 0xff), but 2.12 is needed; \
                give Linux 3.8 or newer
                """)
        }
        // XLF_KERNEL_64 in xloadflags, LOADED_HIGH in loadflags.
        guard fields.read(0x236, as: UInt16.self) & 1 != 0 else {
            throw .unsupported("a 32-bit Linux kernel; give one built for x86-64")
        }
        guard fields.read(0x211, as: UInt8.self) & 1 != 0 else {
            throw .unsupported("a zImage, which loads below 1 MiB; give a bzImage")
        }
    }
}
