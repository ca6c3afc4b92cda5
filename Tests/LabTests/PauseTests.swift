import Foundation
import Testing

/// A stock kernel that is paused over the control channel for longer than its watchdogs bear.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct PauseTests {
    static let kernels = GuestBatch.Kernel.allCases

    /// Linux reports a CPU that is stuck for 20 s, and one that keeps RCU waiting for 21 s.
    private static let seconds = 25

    static let results = Result {
        try ControlClient.driveGuests(
            with: GuestContents(modules: ["virtio_mmio", "virtio_blk"], jobs: ["pause.sh"]), script: script)
    }

    /// Boots a guest whose disk takes eight seconds for what it writes, and pauses it after one.
    private static let script = """
        drive() {
            request vm.create '{"config":{"memory":"256M","cpus":2,"kernel":{"path":"'$1'","initrd":"'$1.cpio'",
                "append":"quiet tsc=reliable job=pause '$2'"},"disks":[{"id":"disk","path":"disk",
                "bytesPerSecond":524288}],"console":{"output":"file:'$guest'"}}}'
            request vm.start '{}'
            await 'guest: writing'
            request vm.pause '{}'
            echo '== paused'
            sha256sum <disk
            sleep \(seconds)
            sha256sum <disk
            echo '== resumed'
            request vm.resume '{}'
            date +%s
            request console.write '{"data":"\\n"}'
            request vm.wait '{"timeoutMs":240000}'
            echo '== disk'
            sha256sum <disk
        }
        prepare() {
            truncate -s 4M disk
        }
        clean_up() {
            rm disk
        }
        """

    private func result(_ kernel: GuestBatch.Kernel) throws -> GuestBatch.Result {
        let result = try #require(try Self.results.get()[kernel])
        try #require(result.status == 0 && result.errors == "" && result.sections["end"] != nil, result.comment)
        return result
    }

    @Test(arguments: kernels)
    func theKernelHasNothingToComplainOf(kernel: GuestBatch.Kernel) throws {
        let result = try result(kernel)
        #expect(result.sections["log"] == [], result.comment)
        #expect(result.sections["clocksource"] == ["kvm-clock"], result.comment)
    }

    /// Its time has gone on, as the host's has, and neither faster nor slower than that.
    @Test(arguments: kernels)
    func clocksGoOn(kernel: GuestBatch.Kernel) throws {
        let result = try result(kernel)
        let numbers = { (section: String) in
            try #require(result.sections[section], result.comment).compactMap { Double($0) }
        }
        let (before, after) = (try numbers("before"), try numbers("after"))
        try #require(before.count == 2 && after.count == 2, result.comment)
        let expected = Double(Self.seconds)...Double(Self.seconds + 60)
        #expect(expected.contains(after[0] - before[0]), result.comment)
        #expect(expected.contains(after[1] - before[1]), result.comment)
        let host = try #require(result.hostSections["resumed"]?.dropFirst().first.flatMap { Double($0) })
        #expect(abs(after[1] - host) < Double(Self.seconds) / 2, result.comment)
        let slept = try #require(try numbers("sleep").first, result.comment)
        #expect(0.9...20 ~= slept, result.comment)
    }

    @Test(arguments: kernels)
    func aWriteUnderWayGoesOn(kernel: GuestBatch.Kernel) throws {
        let result = try result(kernel)
        let paused = result.hostSections["paused", default: []]
        try #require(paused.count == 2, result.comment)
        #expect(paused[0] == paused[1], result.comment)
        let written = try #require(result.hostSections["disk"]?.first?.split(separator: " ").first)
        #expect(!paused[0].hasPrefix(written), "the disk was written before the pause")
        for section in ["disk", "read"] {
            #expect(result.sections[section]?.first?.hasPrefix(written) == true, result.comment)
        }
    }
}
