import Foundation
import Testing

/// Virtio disks under stock kernels: what is written is there, on both sides, also after a power cut.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct VirtioBlockTests {
    static let batch = Result {
        try GuestBatch(
            DeviceVariant.tested.flatMap { [disks($0), powerCut($0)] },
            contents: GuestContents(
                modules: DeviceVariant.modules + ["virtio_blk"],
                programs: ["/usr/bin/fio", "/usr/sbin/mkfs.ext4", "/usr/sbin/e2fsck", "/usr/sbin/blkdiscard"],
                jobs: ["block.sh", "block.fio", "records.sh"]))
    }

    /// Bytes of the three disks.
    private static let sizes = [80 << 20, 40 << 20, 4 << 20]
    private static let queues = [4, 2, 1]

    private static func disks(_ variant: DeviceVariant) -> GuestBatch.Boot {
        var boot = variant.boot(
            "block",
            options: [
                "--cpus", "4", "--disk", "path=first,serial=the-first-disk-of-3,queues=4",
                "--disk", "path=second,serial=second,queues=2,direct", "--disk", "path=third,id=third,readonly",
            ])
        boot.limit = 300
        boot.before = """
            truncate -s \(sizes[0]) first
            truncate -s \(sizes[1]) second
            head -c \(sizes[2]) /dev/urandom >third
            echo '== before'
            sha256sum third
            """
        boot.meanwhile = ["filled", "trimmed"].map {
            "await 'guest: \($0)'; echo '== \($0)'; stat -c %b first; echo >&3"
        }
        .joined(separator: "\n")
        boot.after = """
            echo '== after'
            sha256sum first second third
            stat -c %s second
            rm first second third
            """
        return boot
    }

    private static func powerCut(_ variant: DeviceVariant) -> GuestBatch.Boot {
        var boot = variant.boot("records", options: ["--cpus", "2", "--disk", "path=disk"])
        boot.before = "truncate -s \(sizes[0]) disk"
        boot.meanwhile = "await 'record b 100'; kill -KILL $pid"
        boot.after = """
            mkdir -p mnt
            mount -o loop disk mnt
            # The power cut may have cut the last line as well.
            for writer in a b; do
                last=$(tr -d '\\r' <$out | sed '$d' | grep "^record $writer [0-9]*$" | tail -n 1 | cut -d ' ' -f 3)
                echo "== $writer"
                echo $last
                seq $last >printed
                tr -d '\\000' <mnt/$writer | tr -s ' ' '\\n' | grep . | head -n $last >kept
                cmp printed kept && echo all are kept
            done
            umount mnt
            rm disk
            """
        return boot
    }

    private func result(_ variant: DeviceVariant) throws -> GuestBatch.Result {
        let result = try Self.batch.get().result(variant.name(of: "block"))
        try #require(result.status == 0 && result.sections["end"] != nil, result.comment)
        return result
    }

    @Test(arguments: DeviceVariant.tested)
    func guestSeesItsDisks(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.errors == "", result.comment)
        let sectors = Self.sizes.map { $0 / 512 }
        #expect(
            result.sections["disks"] == [
                "vda \(sectors[0]) 0 \(Self.queues[0]) the-first-disk-of-3",
                "vdb \(sectors[1]) 0 \(Self.queues[1]) second", "vdc \(sectors[2]) 1 \(Self.queues[2]) third",
            ], result.comment)
    }

    /// Each job of `Guests/block.fio` reads what it wrote.
    @Test(arguments: DeviceVariant.tested)
    func whatIsWrittenIsRead(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        let lines = try #require(result.sections["fio"])
        let jobs = [
            ("sequential-1m-buffered", 16), ("random-4k-direct", 4), ("random-4k-deep-direct", 4),
            ("sequential-1m-deep-direct", 16), ("random-mixed-buffered", 16), ("four-at-once", 40),
        ]
        for (name, mebibytes) in jobs {
            #expect(lines.contains("\(name) 0 \(mebibytes << 10) \(mebibytes << 10)"), "\(lines)")
        }
        #expect(lines.contains("status 0"), "\(lines)")
    }

    @Test(arguments: DeviceVariant.tested)
    func fileSystemIsSound(_ variant: DeviceVariant) throws {
        let lines = try #require(try result(variant).sections["e2fsck"])
        #expect(lines.contains { $0.hasPrefix("/dev/vda: ") && $0.contains(" files ") }, "\(lines)")
        #expect(!lines.contains { $0.contains("ERRORS") || $0.contains("WARNING") }, "\(lines)")
    }

    @Test(arguments: DeviceVariant.tested)
    func trimmingGivesSpaceBack(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        let blocks = { (section: String) in
            try #require(result.hostSections[section]?.first.flatMap { Int($0) }, result.comment)
        }
        // All that the guest wrote is 24 MiB and some; the disk's other contents were files, which are gone as well.
        let (filled, trimmed) = (try blocks("filled"), try blocks("trimmed"))
        #expect(filled >= (24 << 20) / 512)
        #expect(trimmed <= (8 << 20) / 512, "\(filled) blocks before, \(trimmed) after")
    }

    @Test(arguments: DeviceVariant.tested)
    func discardedPartsReadAsZeroes(_ variant: DeviceVariant) throws {
        #expect(try result(variant).sections["discard"] == ["0", "0"])
    }

    @Test(arguments: DeviceVariant.tested)
    func whatMayNotBeWrittenIsRefused(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.sections["forbidden"] == ["past the end", "read-only"], result.comment)
        #expect(result.hostSections["after"]?.last == "\(Self.sizes[1])", result.comment)
        let third = try #require(result.hostSections["before"]?.first, result.comment)
        #expect(result.hostSections["after"]?.contains(third) == true, result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func bothSidesSeeTheSame(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        let sums = { (lines: [Substring]?) in lines?.prefix(3).compactMap { $0.split(separator: " ").first } }
        #expect(sums(result.sections["sums"])?.count == 3, result.comment)
        #expect(sums(result.sections["sums"]) == sums(result.hostSections["after"]), result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func aPowerCutLosesNothingThatWasSynchronised(_ variant: DeviceVariant) throws {
        let result = try Self.batch.get().result(variant.name(of: "records"))
        #expect(result.status == 128 + Int(SIGKILL), result.comment)
        for writer in ["a", "b"] {
            let lines = try #require(result.hostSections[writer], result.comment)
            #expect(lines.first.flatMap { Int($0) } ?? 0 > 50 && lines.last == "all are kept", result.comment)
        }
    }
}
