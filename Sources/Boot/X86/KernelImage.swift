import Linux
import MachineConfiguration

/// A kernel that was read, validated and found bootable, before there is any virtual machine.
public struct KernelImage: Sendable {
    public enum Content: Equatable, Sendable {
        case elf(ELFImage)
        case bzImage(BzImage)
    }

    /// The path of the file that the user named.
    public let name: String
    /// What is to be loaded; an ELF image also where the file is a bzImage that was unpacked.
    public let content: Content
    public let bootProtocol: BootProtocol
    /// The most bytes of a command line, without its final NUL.
    public let commandLineLimit: Int
    /// The last guest-physical address that an initrd may use.
    public let initrdLastAddress: UInt64
    /// Where the offsets within `content` lead.
    public let source: ByteSource

    /// COMMAND_LINE_SIZE of Linux on x86, less the NUL; an ELF file does not tell.
    private static let defaultCommandLineLimit = 2047
    /// What every x86-64 Linux says in `initrd_addr_max`; an ELF file does not tell.
    private static let defaultInitrdLastAddress: UInt64 = 0x7fff_ffff

    /// Opens a kernel, unpacks it if need be, and decides how to boot it.
    ///
    /// - Parameter cache: where unpacked kernels are kept; without one they are unpacked each time.
    public init(
        path: String, bootProtocol choice: BootProtocolChoice = .automatic, cache: KernelCache? = nil
    ) throws(KernelImageError) {
        let source: ByteSource
        do throws(ByteSourceError) {
            source = try ByteSource(path: path)
        } catch {
            throw KernelImageError(name: path, reason: .unreadable(error))
        }
        try self.init(source, bootProtocol: choice, cache: cache)
    }

    /// The same, for a kernel that is open already.
    public init(
        _ source: ByteSource, bootProtocol choice: BootProtocolChoice = .automatic, cache: KernelCache? = nil
    ) throws(KernelImageError) {
        do throws(KernelImageError.Reason) {
            let start = try source.header(Int(min(source.count, UInt64(BzImage.headerBytes))), at: 0)
            if start.starts(with: ELFImage.magic) {
                try self.init(elf: ELFImage(source), source, choice)
            } else if BzImage.isLikely(start) {
                let bzImage = try BzImage(start, fileCount: source.count)
                try self.init(bzImage, source, choice, cache)
            } else {
                throw .notAKernel(FileLook.describe(start))
            }
        } catch {
            throw KernelImageError(name: source.name, reason: error)
        }
    }

    private init(
        elf: ELFImage, _ source: ByteSource, _ choice: BootProtocolChoice
    ) throws(KernelImageError.Reason) {
        name = source.name
        content = .elf(elf)
        bootProtocol = try Self.bootProtocol(for: elf, choice)
        commandLineLimit = Self.defaultCommandLineLimit
        initrdLastAddress = Self.defaultInitrdLastAddress
        self.source = source
    }

    private init(
        _ bzImage: BzImage, _ source: ByteSource, _ choice: BootProtocolChoice, _ cache: KernelCache?
    ) throws(KernelImageError.Reason) {
        name = source.name
        commandLineLimit = min(bzImage.commandLineLimit, Layout.commandLineCapacity - 1)
        initrdLastAddress = bzImage.initrdLastAddress
        if choice != .linux64 {
            if let unpacked = try KernelUnpacker(bzImage, in: source, cache: cache)?.unpack() {
                content = .elf(unpacked.image)
                bootProtocol = try Self.bootProtocol(for: unpacked.image, choice)
                self.source = unpacked.source
                return
            }
            guard choice == .automatic else {
                throw .unsupported(
                    """
                    its compressed part is in none of the formats gzip, xz, lz4 and zstd, so it cannot be booted \
                    through PVH; use '--boot-protocol linux64' and let the kernel unpack itself
                    """)
            }
        }
        content = .bzImage(bzImage)
        bootProtocol = .linux64
        self.source = source
    }

    private static func bootProtocol(
        for elf: ELFImage, _ choice: BootProtocolChoice
    ) throws(KernelImageError.Reason) -> BootProtocol {
        if let pvhEntry = elf.pvhEntry, choice != .linux64 {
            guard elf.contains(UInt64(pvhEntry)) else {
                throw .malformed("its PVH entry \(hexadecimal(pvhEntry)) lies outside of what is loaded")
            }
            return .pvh
        }
        guard choice != .pvh else {
            throw .unsupported(
                """
                the kernel has no PVH entry (no XEN_ELFNOTE_PHYS32_ENTRY note); use '--boot-protocol linux64', \
                or build it with CONFIG_PVH=y
                """)
        }
        guard elf.contains(elf.entry) else {
            throw .malformed("its entry \(hexadecimal(elf.entry)) lies outside of what is loaded")
        }
        return .linux64
    }
}
