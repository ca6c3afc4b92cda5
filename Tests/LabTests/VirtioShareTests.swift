import Foundation
import Testing

/// Shared directories under stock kernels: both sides see the same files, and the guest no others.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct VirtioShareTests {
    static let batch = Result {
        try GuestBatch(
            DeviceVariant.tested.map(shares),
            contents: GuestContents(
                modules: DeviceVariant.modules + ["virtiofs"], programs: ["/usr/bin/fio", "/usr/bin/flock"],
                jobs: ["share.sh"]))
    }

    private static let fileCount = 10_000

    private static func shares(_ variant: DeviceVariant) -> GuestBatch.Boot {
        var boot = variant.boot(
            "share", options: ["--cpus", "2", "--share", "ro:ro", "--share", "rw:rw:rw", "--share", "many:many"])
        boot.limit = 300
        boot.before = """
            mkdir -p ro rw many
            head -c 3000000 /dev/urandom >ro/random
            chmod 644 ro/random
            truncate -s 4608M ro/large
            echo marker >>ro/large
            ln -s /etc/passwd ro/link
            mount -t tmpfs many many
            for file in $(seq \(fileCount)); do echo $file >many/$file; done
            echo '== before'
            sha256sum ro/random
            """
        boot.after = """
            echo '== after'
            sha256sum ro/random rw/from-guest
            echo '== ro'
            ls ro
            echo '== rw'
            ls rw
            stat -c '%a %u %h' rw/second
            cat rw/second
            umount many
            rm -r ro rw many
            """
        return boot
    }

    private func result(_ variant: DeviceVariant) throws -> GuestBatch.Result {
        let result = try Self.batch.get().result(variant.name(of: "share"))
        try #require(result.status == 0 && result.sections["end"] != nil, result.comment)
        return result
    }

    @Test(arguments: DeviceVariant.tested)
    func guestMountsAndUnmounts(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.errors == "", result.comment)
        #expect(result.sections["mounts"] == ["ro", "rw", "many"], result.comment)
        #expect(result.sections["written"]?.suffix(3) == ["unmounted", "unmounted", "unmounted"], result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func bothSidesSeeTheSame(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        let sum = { (line: Substring?) in line?.split(separator: " ").first }
        let fromHost = try #require(sum(result.sections["sum"]?.first), result.comment)
        #expect(fromHost == sum(result.hostSections["before"]?.first), result.comment)
        #expect(fromHost == sum(result.hostSections["after"]?.first), result.comment)
        let fromGuest = try #require(sum(result.sections["written"]?.first), result.comment)
        #expect(fromGuest == sum(result.hostSections["after"]?.last), result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func filesMayBeLargeAndMany(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.sections["large"] == ["\((4608 << 20) + 7)", "marker"], result.comment)
        #expect(result.sections["many"] == ["\(Self.fileCount)", "100", "\(Self.fileCount)"], result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func linksAreFollowedInTheGuest(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(
            result.sections["links"] == ["/etc/passwd", "root:x:0:0:the guest's own:/:/bin/sh", "0 644"], result.comment
        )
    }

    @Test(arguments: DeviceVariant.tested)
    func aReadOnlyShareIsNotChanged(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.sections["read-only"] == [Substring](repeating: "refused", count: 11), result.comment)
        #expect(result.hostSections["ro"] == ["large", "link", "random"], result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func filesAreMadeNamedAndRemoved(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(
            result.sections["names"] == [
                "text", "2", "text", "no device", "no set-user-ID", "640 0", "no other owner",
            ], result.comment)
        #expect(result.sections["unlinked"] == ["gone", "before", "13 0"], result.comment)
        let host = result.hostSections["rw"] ?? []
        #expect(host.prefix(5) == ["from-guest", "lock", "mapped", "second", "written"], result.comment)
        #expect(host.suffix(2) == ["640 0 1", "text"], result.comment)
    }

    /// Locks hold among the guest's processes.
    @Test(arguments: DeviceVariant.tested)
    func locksHold(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.sections["locks"] == ["locked", "free"], result.comment)
    }

    /// fio reads what it wrote: its name, its errors and the KiB it read.
    @Test(arguments: DeviceVariant.tested)
    func whatIsWrittenIsRead(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(
            result.sections["mapped"]?.map { $0.split(separator: ";").prefix(2).joined(separator: " ") }
                == ["mapped 0", "written 0"], result.comment)
    }
}
