import Boot
import Glibc
import GuestMemory
import Testing

@Suite struct BootPlanTests {
    private static let memorySize: UInt64 = 64 << 20
    private let machine = MachineDescription(
        memorySize: Self.memorySize, acpiTables: 0xe_0000..<0xe_1000, rsdpAddress: 0xe_0000)

    private func load(
        _ kernel: KernelImage, initrd: ByteSource? = nil, commandLine: [String] = ["console=ttyS0", "quiet"]
    ) throws -> (EntryState, GuestMemory, BootPlan) {
        let commandLine = try KernelCommandLine(commandLine, limit: kernel.commandLineLimit)
        let plan = try BootPlan(kernel: kernel, initrd: initrd, commandLine: commandLine, machine: machine)
        let memory = try GuestMemory(size: Self.memorySize)
        return (try plan.load(into: memory), memory, plan)
    }

    private func bytes(_ memory: GuestMemory, _ address: UInt64, _ count: Int) throws -> [UInt8] {
        try Array(memory.bytes(at: address, count: count))
    }

    private func checkSegments(_ made: MadeUpELF, _ memory: GuestMemory) throws {
        for segment in made.segments where segment.type == 1 {
            #expect(try bytes(memory, segment.address, segment.bytes.count) == segment.bytes)
        }
        #expect(try bytes(memory, 0x20_0000 + 100, 0x3000 - 100).allSatisfy { $0 == 0 })
    }

    @Test func aPVHKernelFindsItsStartInfo() throws {
        let made = MadeUpELF()
        let initrd = sampleBytes(count: 10_001)
        let (entry, memory, plan) = try load(
            open(made.bytes).get(), initrd: ByteSource(bytes: initrd, name: "initrd"))
        try checkSegments(made, memory)

        #expect(entry.mode == .protected32)
        #expect(entry.instructionPointer == MadeUpELF.pvhEntry)
        #expect(entry.rsi == 0)
        #expect(entry.code.limit == 0xffff_ffff)
        #expect(entry.code.is32Bit && !entry.code.is64Bit && entry.code.isPresent && entry.code.type == 11)
        #expect(entry.data.type == 3 && entry.data.isCodeOrData)
        #expect(entry.task.type == 11 && !entry.task.isCodeOrData && entry.task.limit == 0x67)
        for segment in [entry.code, entry.data, entry.task] {
            #expect(segment.selector + 7 <= entry.descriptorTableLimit)
            #expect(try memory.load(at: entry.descriptorTableBase + UInt64(segment.selector)) == segment.bits)
        }

        let info = entry.rbx
        #expect(try memory.load(at: info) == UInt32(0x336e_c578))
        #expect(try memory.load(at: info + 4) == UInt32(1))
        #expect(try memory.load(at: info + 12) == UInt32(1))
        let module: UInt64 = try memory.load(at: info + 16)
        let initrdAddress: UInt64 = try memory.load(at: module)
        #expect(try memory.load(at: module + 8) == UInt64(initrd.count))
        #expect(try bytes(memory, initrdAddress, initrd.count) == initrd)
        let commandLine: UInt64 = try memory.load(at: info + 24)
        #expect(try bytes(memory, commandLine, 20) == Array("console=ttyS0 quiet\0".utf8))
        #expect(try memory.load(at: info + 32) == UInt64(0xe_0000))
        let table: UInt64 = try memory.load(at: info + 40)
        #expect(try memory.load(at: info + 48) == UInt32(plan.memoryMap.count))
        for (index, range) in plan.memoryMap.enumerated() {
            let address = table + UInt64(index) * 24
            #expect(try memory.load(at: address) == range.range.lowerBound)
            #expect(try memory.load(at: address + 8) == UInt64(range.range.count))
            #expect(try memory.load(at: address + 16) == range.kind.rawValue)
        }
    }

    @Test func aBzImageFindsItsSetupHeaderAndBootParameters() throws {
        var made = MadeUpBzImage(MadeUpELF().bytes, .gzip)
        made.preferredAddress = 0x200_0000
        let file = made.bytes
        let initrd = sampleBytes(count: 4096)
        let (entry, memory, plan) = try load(
            open(file, .linux64).get(), initrd: ByteSource(bytes: initrd, name: "initrd"))

        #expect(entry.instructionPointer == 0x200_0200)
        #expect(entry.code.is64Bit && !entry.code.is32Bit && entry.code.selector == 0x10)
        #expect(entry.data.selector == 0x18)
        #expect(try bytes(memory, 0x200_0000, file.count - 1024) == Array(file[1024...]))

        let zeroPage = try bytes(memory, entry.rsi, 4096)
        var expected = [UInt8](repeating: 0, count: 4096)
        expected.replaceSubrange(0x1f1..<0x26c, with: file[0x1f1..<0x26c])
        expected = expected.with(UInt16(0xffff), at: 0x1fa).with(UInt8(0xff), at: 0x210)
            .with(UInt32(Self.memorySize - 4096), at: 0x218).with(UInt32(4096), at: 0x21c)
            .with(UInt32(0x2_0000), at: 0x228).with(UInt64(0xe_0000), at: 0x70)
            .with(UInt8(plan.memoryMap.count), at: 0x1e8)
        for (index, range) in plan.memoryMap.enumerated() {
            expected = expected.with(range.range.lowerBound, at: 0x2d0 + index * 20)
                .with(UInt64(range.range.count), at: 0x2d8 + index * 20).with(
                    range.kind.rawValue, at: 0x2e0 + index * 20)
        }
        #expect(zeroPage == expected)
    }

    @Test func anELFKernelGetsTheLinuxProtocolWithAnIdentityMap() throws {
        let made = MadeUpELF()
        let (entry, memory, _) = try load(open(made.bytes, .linux64).get())
        try checkSegments(made, memory)
        #expect(entry.instructionPointer == made.entry)
        #expect(entry.rbx == 0)
        #expect(try memory.load(at: entry.rsi + 0x202) == UInt32(0x5372_6448))
        #expect(try memory.load(at: entry.rsi + 0x218) == UInt64(0))
        guard case .long64(let root) = entry.mode else { throw NotLong() }
        for address in [0, 0x1234, 0x1f_ffff, 0x20_0000, 0x3fff_ffff, 0x4000_0000, 0xbfff_fff8, 0xffff_ffff] as [UInt64]
        {
            #expect(try translate(address, root, memory) == address)
        }
        #expect(try translate(1 << 32, root, memory) == nil)
        #expect(try translate(1 << 39, root, memory) == nil)
    }

    private struct NotLong: Error {}

    /// Walks 4-level page tables as a processor does.
    private func translate(_ address: UInt64, _ root: UInt64, _ memory: GuestMemory) throws -> UInt64? {
        var table = root
        for level in [39, 30, 21, 12] as [UInt64] {
            let entry: UInt64 = try memory.load(at: table + (address >> level & 0x1ff) * 8)
            guard entry & 3 == 3 else { return nil }
            let frame = entry & 0xf_ffff_ffff_f000
            if level == 12 || entry & 0x80 != 0 {
                let mask = UInt64(1) << level - 1
                return frame & ~mask | address & mask
            }
            table = frame
        }
        return nil
    }

    @Test func filesThatShrinkAfterPlanningAreErrors() throws {
        let directory = try TemporaryDirectory()
        let memory = try GuestMemory(size: Self.memorySize)
        let commandLine = try KernelCommandLine([], limit: 0)
        func plan(_ kernelBytes: [UInt8], _ initrdBytes: [UInt8]) throws -> (BootPlan, String, String) {
            let kernel = try directory.write(kernelBytes, to: "kernel")
            let initrd = try directory.write(initrdBytes, to: "initrd")
            let plan = try BootPlan(
                kernel: KernelImage(path: kernel), initrd: ByteSource(path: initrd), commandLine: commandLine,
                machine: machine)
            return (plan, kernel, initrd)
        }
        let bytes = sampleBytes(count: 100_000)
        let (first, kernel, _) = try plan(MadeUpELF().bytes, bytes)
        #expect(truncate(kernel, 600) == 0)
        #expect(throws: LoadError.source(ByteSourceError(name: kernel, problem: .shrunk))) {
            try first.load(into: memory)
        }
        let (second, _, initrd) = try plan(MadeUpELF().bytes, bytes)
        #expect(truncate(initrd, 99_999) == 0)
        #expect(throws: LoadError.source(ByteSourceError(name: initrd, problem: .shrunk))) {
            try second.load(into: memory)
        }
        // One that grows is taken as it was when opened.
        let (third, _, growing) = try plan(MadeUpELF().bytes, bytes)
        #expect(truncate(growing, 200_000) == 0)
        let clean = try GuestMemory(size: Self.memorySize)
        _ = try third.load(into: clean)
        #expect(try self.bytes(clean, third.placement.initrd?.lowerBound ?? 0, bytes.count) == bytes)
    }

    @Test func guestMemoryThatIsTooSmallIsAnError() throws {
        let kernel = try open(MadeUpELF().bytes).get()
        let plan = try BootPlan(kernel: kernel, commandLine: KernelCommandLine([], limit: 0), machine: machine)
        let memory = try GuestMemory(size: 1 << 20)
        #expect(throws: LoadError.self) { try plan.load(into: memory) }
    }

    @Test func holesInAFileAreZeros() throws {
        let directory = try TemporaryDirectory()
        let whole =
            sampleBytes(count: 5000) + [UInt8](repeating: 0, count: 1 << 20) + sampleBytes(count: 9000, seed: 2)
            + [UInt8](repeating: 0, count: 1 << 20)
        let path = try directory.write(Array(whole.prefix(5000)), to: "sparse")
        let file = fopen(path, "r+")
        fseek(file, 5000 + (1 << 20), SEEK_SET)
        _ = whole[(5000 + (1 << 20))..<(14000 + (1 << 20))].withUnsafeBytes {
            fwrite($0.baseAddress, 1, $0.count, file)
        }
        fclose(file)
        #expect(truncate(path, whole.count) == 0)
        let (_, memory, plan) = try load(open(MadeUpELF().bytes).get(), initrd: ByteSource(path: path))
        #expect(try bytes(memory, plan.placement.initrd?.lowerBound ?? 0, whole.count) == whole)
    }
}
