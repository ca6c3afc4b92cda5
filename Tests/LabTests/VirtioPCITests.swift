import Testing

/// What is particular to virtio devices on a PCI bus: vectors, and many devices.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct VirtioPCITests {
    static let kernels = GuestBatch.Kernel.allCases

    static let batch = Result {
        try GuestBatch(
            kernels.flatMap { [vectors($0), many($0)] },
            contents: GuestContents(modules: ["virtio_pci", "virtio_blk", "virtio_rng"], jobs: ["pci.sh"]))
    }

    private static func vectors(_ kernel: GuestBatch.Kernel) -> GuestBatch.Boot {
        GuestBatch.Boot(
            name: "\(kernel.rawValue) vectors", kernel: kernel, job: "pci", append: "part=vectors",
            options: ["-v", "--cpus", "2", "--transport", "pci", "--disk", "path=disk,queues=2", "--entropy"],
            before: "truncate -s 4M disk")
    }

    /// More than there are device numbers.
    private static let diskCount = 34

    private static func many(_ kernel: GuestBatch.Kernel) -> GuestBatch.Boot {
        GuestBatch.Boot(
            name: "\(kernel.rawValue) many", kernel: kernel, job: "pci", append: "part=many",
            options: ["--transport", "pci"] + (1...diskCount).flatMap { ["--disk", "path=disk\($0),id=disk\($0)"] },
            before: "for number in $(seq \(diskCount)); do truncate -s 4M disk$number; done", after: "rm disk*")
    }

    @Test(arguments: kernels)
    func everyQueueHasAVectorThatCanBeMoved(kernel: GuestBatch.Kernel) throws {
        let result = try Self.batch.get().result("\(kernel.rawValue) vectors")
        #expect(result.status == 0, result.comment)
        let sections = result.sections
        #expect(
            sections["vectors"] == [
                "virtio0-config", "virtio0-req.0", "virtio0-req.1", "virtio1-config", "virtio1-input",
            ], result.comment)
        let moved = sections["moved", default: []].compactMap { Int($0) }
        try #require(moved.count == 3, result.comment)
        #expect(moved[0] == 50 * 4096 && moved[2] == 4096, result.comment)
        for section in ["driver", "transport", "scanned"] { #expect(sections[section] == ["4096"], result.comment) }

        // The 80 moves and the five times that a device is set up take some 1,300 accesses; each request would take one at
        // least, if its notification or its interrupt took any.
        let accesses = try ["reads of devices' registers", "writes to devices' registers"].map { kind in
            let line = try #require(result.errors.split(separator: "\n").first { $0.hasSuffix(kind) }, result.comment)
            return try #require(line.split(separator: " ").compactMap { Int($0) }.first, result.comment)
        }
        #expect(moved[1] > 2500, result.comment)
        #expect(accesses.reduce(0, +) < 2000, result.comment)
    }

    @Test(arguments: kernels)
    func moreDevicesThanDeviceNumbersAreFound(kernel: GuestBatch.Kernel) throws {
        let result = try Self.batch.get().result("\(kernel.rawValue) many")
        #expect(result.status == 0 && result.errors == "", result.comment)
        let functions = result.sections["functions", default: []]
        #expect(functions.count == Self.diskCount + 1, result.comment)
        #expect(functions.suffix(1) == ["0000:00:1f.0"] && functions.contains("0000:00:03.1"), result.comment)
        // One for each disk's queue, and one for its configuration.
        #expect(result.sections["vectors"]?.count == 2 * Self.diskCount, result.comment)
        let disks = result.sections["disks", default: []].map {
            $0.split(separator: " ").prefix(3).joined(separator: " ")
        }
        #expect(disks == ["\(Self.diskCount) 16+0 records"], result.comment)
    }
}
