import Foundation
import Testing

/// Disks and network cards that come to a stock kernel while it runs, and go again, over the control channel. The guest
/// never scans for them.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct HotPlugTests {
    static let kernels = GuestBatch.Kernel.allCases

    private static let address = "52:54:00:77:00:05"

    static let results = Result {
        let streams = "\(try LabHost.firmware)/programs/streams"
        return try ControlClient.driveGuests(
            with: GuestContents(
                modules: ["virtio_pci", "virtio_blk", "virtio_net"], jobs: ["hot-plug.sh"],
                files: ["\(streams):/bin/streams"]),
            script: script, files: ["\(streams):/usr/bin/streams"], options: ["--program", "/usr/sbin/ip"])
    }

    /// Boots a guest and does what its job waits for.
    private static let script = """
        drive() {
            request vm.create '{"config":{"memory":"256M","transport":"pci","kernel":{"path":"'$1'","initrd":"'$1.cpio'",
                "append":"quiet tsc=reliable job=hot-plug '$2'"},"disks":[{"id":"first","path":"first"}],
                "console":{"output":"file:'$guest'"}}}'
            request vm.start '{}'
            echo '== start'
            request device.attach '{"disk":{"id":"third","path":"third"}}'
            await 'guest: ready'
            request device.detach '{"id":"third","timeoutMs":100000}'
            await 'guest: begin'
            echo '== disk'
            request device.attach '{"disk":{"id":"second","path":"second"}}'
            await 'guest: disk used'
            request device.detach '{"id":"second","timeoutMs":100000}'
            sha256sum <second
            await 'guest: disk gone'
            echo '== card'
            request device.attach '{"net":{"id":"net","tap":"tap0","mac":"\(address)"}}'
            await 'guest: card used'
            request device.detach '{"id":"net","timeoutMs":100000}'
            await 'guest: card gone'
            echo '== both'
            request device.attach '{"disk":{"id":"second","path":"second","queues":2}}'
            request device.attach '{"disk":{"id":"third","path":"third"}}'
            await 'guest: one removed'
            request device.detach '{"id":"third","timeoutMs":100000}'
            # The guest is reading it.
            request device.detach '{"id":"second","timeoutMs":100000}'
            request device.detach '{"id":"first","timeoutMs":100000}'
            await 'guest: all gone'
            echo '== again'
            request device.attach '{"net":{"id":"net","tap":"tap0","mac":"\(address)"}}'
            request device.attach '{"disk":{"id":"second","path":"second"}}'
            request vm.wait '{"timeoutMs":240000}'
        }
        prepare() {
            for disk in first second third; do truncate -s 4M $disk; done
            /usr/bin/ip tuntap add dev tap0 mode tap
            ip addr add 10.77.0.1/24 dev tap0
            ip link set tap0 up
            streams serve tcp:0.0.0.0:7000 & streams=$!
        }
        clean_up() {
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
