import Foundation
import Testing

/// A stock kernel that is paused over the control channel for longer than its watchdogs bear.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct PauseTests {
    static let kernels = GuestBatch.Kernel.allCases

    /// Linux reports a CPU that is stuck for 20 s, and one that keeps RCU waiting for 21 s.
    private static let seconds = 25

    static let results = Result {
        let files = FileManager.default
        let directory = files.temporaryDirectory.appending(path: "pause-\(UUID().uuidString)").path
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: directory) }

        let contents = GuestContents(modules: ["virtio_mmio", "virtio_blk"], jobs: ["pause.sh"])
        var supplied: [String] = []
        for kernel in kernels {
            let initramfs = "\(directory)/\(kernel.rawValue).cpio"
            try contents.makeInitramfs(initramfs, modules: "\(try GuestBatch.directory(of: kernel))/modules")
            supplied += [
                "\(initramfs):\(kernel.rawValue).cpio",
                "\(try GuestBatch.directory(of: kernel))/vmlinuz:\(kernel.rawValue)",
            ]
        }
        try LabHost.runAgainWhereItFails(
            ControlClient.functions + script + kernels.map { "serve \($0.rawValue) '\($0.append)'\n" }.joined(),
            files: supplied, options: ["--out", "\(directory)/out", "--timeout", "5m"] + GuestBatch.program)
        return try Dictionary(
            uniqueKeysWithValues: kernels.map { kernel in
                func text(_ suffix: String) throws -> String {
                    try String(contentsOfFile: "\(directory)/out/\(kernel.rawValue).\(suffix)", encoding: .utf8)
                }
                let status = try #require(Int(text("status").split(separator: "\n").joined()))
                return (
                    kernel,
                    GuestBatch.Result(
                        status: status, output: try text("guest"), errors: try text("errors"), host: try text("host"),
                        seconds: 0)
                )
            })
    }

    /// `serve KERNEL APPEND` boots a guest whose disk takes four seconds for what it writes, and pauses it after one.
    private static let script = """
        drive() {
            request vm.create '{"config":{"memory":"256M","cpus":2,"kernel":{"path":"'$1'","initrd":"'$1.cpio'",
                "append":"quiet tsc=reliable job=pause '$2'"},"disks":[{"id":"disk","path":"disk",
                "bytesPerSecond":1048576}],"console":{"output":"file:'$guest'"}}}'
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
            request vm.wait '{"timeoutMs":60000}'
            echo '== disk'
            sha256sum <disk
        }
        serve() {
            guest=$OUT/$1.guest
            truncate -s 4M disk
            start_server $OUT/$1.errors
            drive "$@" >$OUT/$1.host 2>&1
            exec 3>&-
            wait $pid
            echo $? >$OUT/$1.status
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
        let expected = Double(Self.seconds)...Double(Self.seconds + 10)
        #expect(expected.contains(after[0] - before[0]), result.comment)
        #expect(expected.contains(after[1] - before[1]), result.comment)
        let host = try #require(result.hostSections["resumed"]?.dropFirst().first.flatMap { Double($0) })
        #expect(abs(after[1] - host) <= 5, result.comment)
        let slept = try #require(try numbers("sleep").first, result.comment)
        #expect(1...3 ~= slept, result.comment)
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
