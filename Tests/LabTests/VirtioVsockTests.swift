import Foundation
import Testing

/// Virtio sockets between stock kernels and Unix sockets of the host.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct VirtioVsockTests {
    static let batch = Result {
        try GuestBatch(
            DeviceVariant.tested.map(boot),
            contents: GuestContents(
                modules: DeviceVariant.modules + ["vmw_vsock_virtio_transport"], jobs: ["vsock.sh"],
                files: ["\(try LabHost.firmware)/programs/streams:/bin/streams"]),
            options: ["--file", "\(try LabHost.firmware)/programs/streams:/usr/bin/streams"])
    }

    /// Bytes through one connection.
    private static let bytes = GuestBatch.streamBytes ?? 16 << 20

    private static func boot(_ variant: DeviceVariant) -> GuestBatch.Boot {
        var boot = variant.boot("vsock", options: ["--cpus", "2", "--vsock", "cid=7,socket=guest.vsock"])
        boot.append = "bytes=\(bytes)"
        boot.limit = 300 + bytes / (1 << 20)
        boot.before = "streams serve unix:guest.vsock_7000 & streams=$!"
        boot.meanwhile = """
            await 'guest: serving'
            # Or about to: until it listens, it refuses.
            for try in $(seq 300); do
                streams check unix:guest.vsock:7001 1 1 1 >/dev/null 2>&1 && break
                usleep 100000
            done
            echo '== connections'
            streams check unix:guest.vsock:7001 10 100 5000
            echo '== bytes'
            streams check unix:guest.vsock:7001 1 1 \(bytes)
            echo '== refused'
            streams check unix:guest.vsock:7998 1 1 1
            echo >&3
            """
        boot.after = """
            kill $streams
            rm guest.vsock_7000
            echo '== left'
            ls | grep vsock
            """
        return boot
    }

    private func result(_ variant: DeviceVariant) throws -> GuestBatch.Result {
        let result = try Self.batch.get().result(variant.name(of: "vsock"))
        try #require(result.status == 0 && result.sections["end"] != nil, result.comment)
        return result
    }

    /// The sections of both sides: the guest's connections to the host, and the host's to the guest.
    private func bothWays(_ result: GuestBatch.Result, _ section: String) -> [Substring?] {
        [result.sections[section]?.first, result.hostSections[section]?.first]
    }

    @Test(arguments: DeviceVariant.tested)
    func aThousandConnectionsOpenAndClose(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        for line in bothWays(result, "connections") {
            #expect(line?.hasPrefix("streams: 1000 connections, 5000000 bytes each way in ") == true, result.comment)
        }
    }

    @Test(arguments: DeviceVariant.tested)
    func manyBytesGoThroughOneConnection(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        for line in bothWays(result, "bytes") {
            #expect(line?.hasPrefix("streams: 1 connections, \(Self.bytes) bytes each way in ") == true, result.comment)
        }
    }

    @Test(arguments: DeviceVariant.tested)
    func portsWithoutAListenerRefuse(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.sections["refused"]?.first == "streams: connect: Connection reset by peer", result.comment)
        #expect(
            result.hostSections["refused"]?.first?.hasPrefix("streams: CONNECT was not answered") == true,
            result.comment)
    }

    @Test(arguments: DeviceVariant.tested)
    func socketsAreRemovedAtTheEnd(_ variant: DeviceVariant) throws {
        let result = try result(variant)
        #expect(result.errors == "", result.comment)
        #expect(result.hostSections["left"] == [], result.comment)
    }
}
