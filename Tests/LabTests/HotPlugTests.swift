import Foundation
import Testing

/// Disks and network cards that come to a stock kernel while it runs, and go again, over the control channel. The guest
/// never scans for them.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct HotPlugTests {
    static let kernels = GuestBatch.Kernel.allCases

    private static let address = "52:54:00:77:00:05"

    static let results = Result {
        let files = FileManager.default
        let directory = files.temporaryDirectory.appending(path: "hot-plug-\(UUID().uuidString)").path
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: directory) }

        let streams = "\(try LabHost.firmware)/programs/streams"
        let contents = GuestContents(
            modules: ["virtio_pci", "virtio_blk", "virtio_net"], jobs: ["hot-plug.sh"],
            files: ["\(streams):/bin/streams"])
        var supplied = ["\(streams):/usr/bin/streams"]
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
            files: supplied,
            options: ["--out", "\(directory)/out", "--timeout", "5m", "--program", "/usr/sbin/ip"] + GuestBatch.program)
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

    /// `serve KERNEL APPEND` boots a guest and does what its job waits for.
    private static let script = """
        drive() {
            request vm.create '{"config":{"memory":"256M","transport":"pci","kernel":{"path":"'$1'","initrd":"'$1.cpio'",
                "append":"quiet tsc=reliable job=hot-plug '$2'"},"disks":[{"id":"first","path":"first"}],
                "console":{"output":"file:'$guest'"}}}'
            request vm.start '{}'
            echo '== start'
            request device.attach '{"disk":{"id":"third","path":"third"}}'
            await 'guest: ready'
            request device.detach '{"id":"third"}'
            await 'guest: begin'
            echo '== disk'
            request device.attach '{"disk":{"id":"second","path":"second"}}'
            await 'guest: disk used'
            request device.detach '{"id":"second"}'
            sha256sum <second
            await 'guest: disk gone'
            echo '== card'
            request device.attach '{"net":{"id":"net","tap":"tap0","mac":"\(address)"}}'
            await 'guest: card used'
            request device.detach '{"id":"net"}'
            await 'guest: card gone'
            echo '== both'
            request device.attach '{"disk":{"id":"second","path":"second","queues":2}}'
            request device.attach '{"disk":{"id":"third","path":"third"}}'
            await 'guest: one removed'
            request device.detach '{"id":"third"}'
            # The guest is reading it.
            request device.detach '{"id":"second"}'
            request device.detach '{"id":"first"}'
            await 'guest: all gone'
            echo '== again'
            request device.attach '{"net":{"id":"net","tap":"tap0","mac":"\(address)"}}'
            request device.attach '{"disk":{"id":"second","path":"second"}}'
            request vm.wait '{"timeoutMs":60000}'
        }
        serve() {
            guest=$OUT/$1.guest
            for disk in first second third; do truncate -s 4M $disk; done
            /usr/bin/ip tuntap add dev tap0 mode tap
            ip addr add 10.77.0.1/24 dev tap0
            ip link set tap0 up
            streams serve tcp:0.0.0.0:7000 & streams=$!
            start_server $OUT/$1.errors
            drive "$@" >$OUT/$1.host 2>&1
            exec 3>&-
            wait $pid
            echo $? >$OUT/$1.status
            kill $streams
            /usr/bin/ip link delete tap0
            rm first second third
        }

        """

    private func result(_ kernel: GuestBatch.Kernel) throws -> GuestBatch.Result {
        let result = try #require(try Self.results.get()[kernel])
        try #require(result.status == 0 && result.errors == "" && result.sections["end"] != nil, result.comment)
        return result
    }

    /// The kernel has not looked at the bus yet, or just does.
    @Test(arguments: kernels)
    func aDiskCanComeBeforeTheKernelIsUp(kernel: GuestBatch.Kernel) throws {
        let result = try result(kernel)
        #expect(
            result.sections["start"] == ["vda", "vdb", "third", "guest: ready", "guest: begin"], result.comment)
        #expect(result.hostSections["start"] == ["device.attach", "device.detach"], result.comment)
    }

    @Test(arguments: kernels)
    func aDiskIsUsedAndGoes(kernel: GuestBatch.Kernel) throws {
        let result = try result(kernel)
        let (guest, host) = (result.sections["disk", default: []], result.hostSections["disk", default: []])
        try #require(guest.count == 4, result.comment)
        #expect(guest[0] == "second" && guest[2...] == ["guest: disk used", "guest: disk gone"], result.comment)
        #expect(host == ["device.attach", "device.detach", guest[1]], result.comment)
    }

    @Test(arguments: kernels)
    func aNetworkCardIsUsedAndGoes(kernel: GuestBatch.Kernel) throws {
        let result = try result(kernel)
        let guest = result.sections["card", default: []]
        try #require(guest.count == 4, result.comment)
        #expect(guest[0] == Self.address, result.comment)
        #expect(guest[1].hasPrefix("streams: 10 connections, 1000000 bytes each way in "), result.comment)
        #expect(guest[2...] == ["guest: card used", "guest: card gone"], result.comment)
        #expect(result.hostSections["card"] == ["device.attach", "device.detach"], result.comment)
    }

    /// One that the guest has given up itself, one that it is using, and one from its start.
    @Test(arguments: kernels)
    func devicesGoWhateverTheGuestDoesWithThem(kernel: GuestBatch.Kernel) throws {
        let result = try result(kernel)
        let sum = try #require(result.sections["disk"]?.dropFirst().first)
        #expect(result.sections["both"] == ["second", "third", sum, "guest: one removed"], result.comment)
        #expect(result.sections["gone"] == ["guest: all gone"], result.comment)
        #expect(
            result.hostSections["both"] == ["device.attach", "device.attach"]
                + Array(repeating: "device.detach", count: 3), result.comment)
    }

    @Test(arguments: kernels)
    func theSlotsAreUsedAgain(kernel: GuestBatch.Kernel) throws {
        let result = try result(kernel)
        let sum = try #require(result.sections["disk"]?.dropFirst().first)
        #expect(result.sections["again"] == [sum], result.comment)
        #expect(result.hostSections["again"] == ["device.attach", "device.attach", "vm.wait"], result.comment)
        #expect(result.sections["log"] == [], result.comment)
    }
}
