import Boot
import Testing

@Suite struct PlacementTests {
    private static let mebibyte: UInt64 = 1 << 20

    private func kernel(_ elf: MadeUpELF = MadeUpELF()) throws -> KernelImage { try open(elf.bytes).get() }

    private func bzImage(_ change: (inout MadeUpBzImage) -> Void = { _ in }) throws -> KernelImage {
        var made = MadeUpBzImage(MadeUpELF().bytes, .gzip)
        change(&made)
        return try open(made.bytes, .linux64).get()
    }

    @Test(
        arguments: [
            // Up to the guest's end; up to initrd_addr_max.
            (1024, 1024), (5 * 1024, 2048), (4, 4),
        ] as [(UInt64, UInt64)])
    func theInitrdGoesHighInLowMemory(size: UInt64, end: UInt64) throws {
        let machine = MachineDescription(memorySize: size * Self.mebibyte)
        let placement = try Placement(of: kernel(), initrd: ("initrd", 5000), in: machine)
        #expect(placement.kernel == 0x10_0000..<0x20_3000)
        #expect(placement.initrd == (end * Self.mebibyte - 8192)..<(end * Self.mebibyte - 8192 + 5000))
    }

    @Test func theInitrdMayFillAllThatIsLeftButNoMore() throws {
        let machine = MachineDescription(memorySize: 16 * Self.mebibyte)
        let room = 16 * Self.mebibyte - 0x20_3000
        #expect(try Placement(of: kernel(), initrd: ("i", room), in: machine).initrd == 0x20_3000..<0x100_0000)
        for size in [room + 1, 1 << 40, .max] {
            let kernel = try kernel()
            let error = #expect(throws: PlacementError.initrdTooLarge("i", size: size, room: room)) {
                try Placement(of: kernel, initrd: ("i", size), in: machine)
            }
            #expect(error?.description.contains("only 13.9 MiB of memory are left") == true)
        }
        #expect(throws: PlacementError.emptyInitrd("i")) {
            try Placement(of: kernel(), initrd: ("i", 0), in: machine)
        }
    }

    @Test func theInitrdKeepsClearOfReservedRangesAndOfAKernelsInitSize() throws {
        var machine = MachineDescription(memorySize: 64 * Self.mebibyte)
        machine.reserved = [0x3f0_0000..<0x400_0000, 0x3ef_0000..<0x3ef_1000]
        let placement = try Placement(of: bzImage(), initrd: ("i", 0x2000), in: machine)
        #expect(placement.kernel == 0x100_0000..<0x200_0000)
        #expect(placement.initrd == 0x3ef_e000..<0x3f0_0000)
        let large = try Placement(of: bzImage(), initrd: ("i", 0x1_0000), in: machine)
        #expect(large.initrd == 0x3ee_0000..<0x3ef_0000)
        #expect(throws: PlacementError.self) {
            try Placement(of: bzImage(), initrd: ("i", 0x200_0000), in: machine)
        }
    }

    @Test func aKernelThatDoesNotFitIsNamedWithBothSizes() throws {
        var made = MadeUpELF()
        made.segments[1].address = 0x200_0000
        let kernel = try kernel(made)
        let error = #expect(throws: PlacementError.self) {
            try Placement(of: kernel, initrd: nil, in: MachineDescription(memorySize: 16 * Self.mebibyte))
        }
        #expect(error?.description.contains("up to 32.1 MiB") == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("ends at 16 MiB") == true, "\(error?.description ?? "")")

        made.segments[1].memoryCount = 3 << 30
        let huge = try self.kernel(made)
        // All of it must lie below the hole for devices.
        #expect(throws: PlacementError.self) {
            try Placement(of: huge, initrd: nil, in: MachineDescription(memorySize: 64 << 30))
        }
    }

    @Test func badAddressesAreRefused() throws {
        var made = MadeUpELF()
        made.segments.append(.init(address: 0xf_f000, bytes: [1]))
        let machine = MachineDescription(memorySize: 64 * Self.mebibyte, reserved: [0x10_2000..<0x10_3000])
        let low = try kernel(made)
        #expect(throws: PlacementError.kernelTooLow("made-up", address: 0xf_f000)) {
            try Placement(of: low, initrd: nil, in: machine)
        }
        #expect(throws: PlacementError.self) { try Placement(of: kernel(), initrd: nil, in: machine) }
        let far = try bzImage { $0.preferredAddress = .max }
        #expect(throws: PlacementError.kernelTooLarge("made-up", end: .max, memoryEnd: 64 * Self.mebibyte)) {
            try Placement(of: far, initrd: nil, in: machine)
        }
        let unaligned = try bzImage { $0.preferredAddress = 0x110_0000 }
        #expect(try Placement(of: unaligned, initrd: nil, in: machine).kernel.lowerBound == 0x120_0000)
    }

    @Test func theMemoryMapNamesEveryRange() throws {
        let low = [
            MemoryRange(0..<0x9_fc00, .memory), MemoryRange(0xe_0000..<0xe_0800, .acpiReclaimable),
            MemoryRange(0xe_0800..<0x10_0000, .reserved),
        ]
        let tables: Range<UInt64> = 0xe_0000..<0xe_0800
        func map(_ size: UInt64, reserved: [Range<UInt64>] = []) throws -> [MemoryRange] {
            let machine = MachineDescription(memorySize: size, acpiTables: tables, reserved: reserved)
            let commandLine = try KernelCommandLine([], limit: 0)
            return try BootPlan(kernel: kernel(), commandLine: commandLine, machine: machine).memoryMap
        }
        #expect(try map(1 << 30) == low + [MemoryRange(0x10_0000..<0x4000_0000, .memory)])
        #expect(
            try map(5 << 30, reserved: [0xe000_0000..<0xf000_0000])
                == low + [
                    MemoryRange(0x10_0000..<0xc000_0000, .memory), MemoryRange(0xe000_0000..<0xf000_0000, .reserved),
                    MemoryRange(0x1_0000_0000..<0x1_8000_0000, .memory),
                ])
        #expect(
            try map(1 << 30, reserved: [0x3fff_f000..<0x4000_0000, 0x2000_0000..<0x2000_1000])
                == low + [
                    MemoryRange(0x10_0000..<0x2000_0000, .memory), MemoryRange(0x2000_0000..<0x2000_1000, .reserved),
                    MemoryRange(0x2000_1000..<0x3fff_f000, .memory), MemoryRange(0x3fff_f000..<0x4000_0000, .reserved),
                ])
        let many = (0..<200).map { 0x3000_0000 + UInt64($0) * 0x2000 }.map { $0..<($0 + 0x1000) }
        #expect(throws: PlacementError.tooManyRanges(404)) { try map(1 << 30, reserved: many) }
    }
}
