import GuestMemory

/// A kernel, its initrd and its command line, with places found for them: what remains is to load them.
public struct BootPlan: Sendable {
    public let kernel: KernelImage
    public let placement: Placement
    /// In ascending order.
    public let memoryMap: [MemoryRange]
    private let initrd: ByteSource?
    private let commandLine: KernelCommandLine
    private let rsdpAddress: UInt64

    /// Checks that everything fits, without any guest memory or virtual machine.
    public init(
        kernel: KernelImage, initrd: ByteSource? = nil, commandLine: KernelCommandLine, machine: MachineDescription
    ) throws(PlacementError) {
        self.kernel = kernel
        self.initrd = initrd
        self.commandLine = commandLine
        rsdpAddress = machine.rsdpAddress
        let count = commandLine.text.utf8.count
        guard count <= kernel.commandLineLimit else {
            throw .commandLine(.tooLong(count, limit: kernel.commandLineLimit))
        }
        placement = try Placement(of: kernel, initrd: initrd.map { ($0.name, $0.count) }, in: machine)
        memoryMap = MemoryRange.map(of: machine)
        guard memoryMap.count <= MemoryRange.mostRanges else { throw .tooManyRanges(memoryMap.count) }
    }

    /// Loads everything into `memory`, which must be of the planned size and never used: all zero.
    ///
    /// - Returns: how the first vCPU enters the kernel.
    public func load(into memory: GuestMemory) throws(LoadError) -> EntryState {
        try loadKernel(into: memory)
        if let initrd, let range = placement.initrd {
            try read(initrd, at: 0, count: initrd.count, into: memory, range.lowerBound)
        }
        do throws(GuestMemoryError) {
            return try writeBootData(to: memory)
        } catch {
            throw .memory(error)
        }
    }

    private func loadKernel(into memory: GuestMemory) throws(LoadError) {
        switch kernel.content {
        case .elf(let elf):
            for segment in elf.segments {
                try read(
                    kernel.source, at: segment.fileOffset, count: segment.fileCount, into: memory, segment.address)
            }
        case .bzImage(let bzImage):
            let start = placement.kernel.lowerBound
            try read(kernel.source, at: bzImage.kernelOffset, count: bzImage.kernelCount, into: memory, start)
        }
    }

    private func read(
        _ source: ByteSource, at offset: UInt64, count: UInt64, into memory: GuestMemory, _ address: UInt64
    ) throws(LoadError) {
        let buffer: UnsafeMutableRawBufferPointer
        do throws(GuestMemoryError) {
            guard let size = Int(exactly: count) else { throw .outOfRange(address: address, count: count) }
            buffer = try memory.bytes(at: address, count: size)
        } catch {
            throw .memory(error)
        }
        do throws(ByteSourceError) {
            try source.read(intoZeroed: buffer, at: offset)
        } catch {
            throw .source(error)
        }
    }

    private func writeBootData(to memory: GuestMemory) throws(GuestMemoryError) -> EntryState {
        try memory.write(commandLine.bytes, at: Layout.commandLine)
        let entry = entryState
        for descriptor in [entry.code, entry.data, entry.task] {
            try memory.store(
                descriptor.bits.littleEndian, at: Layout.descriptorTable + UInt64(descriptor.selector))
        }
        switch kernel.bootProtocol {
        case .pvh:
            try StartInfo(initrd: placement.initrd, memoryMap: memoryMap, rsdpAddress: rsdpAddress).write(to: memory)
        case .linux64:
            try PageTables.write(to: memory)
            var setupHeader: [UInt8]?
            if case .bzImage(let bzImage) = kernel.content { setupHeader = bzImage.setupHeader }
            try BootParameters(
                setupHeader: setupHeader, initrd: placement.initrd, memoryMap: memoryMap, rsdpAddress: rsdpAddress
            ).write(to: memory)
        }
        return entry
    }

    private var entryState: EntryState {
        let isPVH = kernel.bootProtocol == .pvh
        let address: UInt64 =
            switch kernel.content {
            case .elf(let elf): isPVH ? UInt64(elf.pvhEntry ?? 0) : elf.entry
            case .bzImage: placement.kernel.lowerBound + BzImage.entry64Offset
            }
        let task = SegmentDescriptor.task
        return EntryState(
            mode: isPVH ? .protected32 : .long64(pageTableRoot: Layout.pageTables),
            instructionPointer: address,
            rbx: isPVH ? Layout.startInfo : 0,
            rsi: isPVH ? 0 : Layout.bootParameters,
            descriptorTableBase: Layout.descriptorTable,
            descriptorTableLimit: task.selector + 7,
            code: isPVH ? .code32 : .code64, data: .data, task: task)
    }
}

/// Why a planned boot could not be loaded.
public enum LoadError: Error, Equatable, CustomStringConvertible {
    case source(ByteSourceError)
    /// Guest memory is not of the planned size.
    case memory(GuestMemoryError)

    public var description: String {
        switch self {
        case .source(let error): error.description
        case .memory(let error): error.description
        }
    }
}
