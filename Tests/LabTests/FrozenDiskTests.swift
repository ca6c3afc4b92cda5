import Testing

/// A disk that keeps its thread waiting on the host delays no other device.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct FrozenDiskTests {
    static let variants = DeviceVariant.Transport.allCases.map { DeviceVariant(kernel: .older, transport: $0) }

    static let batch = Result {
        try GuestBatch(
            variants.map(boot),
            contents: GuestContents(
                modules: DeviceVariant.modules + ["virtio_blk", "virtio_net"], jobs: ["frozen-disk.sh"]),
            options: ["--program", "/usr/sbin/ip"])
    }

    /// Who writes into a frozen file system waits where no signal reaches it.
    private static func boot(_ variant: DeviceVariant) -> GuestBatch.Boot {
        var boot = variant.boot("frozen-disk", options: ["--disk", "path=mnt/disk", "--net", "tap=tap0"])
        boot.before = """
            truncate -s 32M image
            busybox mke2fs -F image >/dev/null
            mkdir -p mnt
            mount -o loop image mnt
            truncate -s 8M mnt/disk
            /usr/bin/ip tuntap add dev tap0 mode tap
            ip addr add 10.77.0.1/24 dev tap0
            ip link set tap0 up
            """
        boot.meanwhile = """
            await 'guest: before the frost'
            busybox fsfreeze --freeze mnt
            echo >&3
            await 'guest: pinged'
            busybox fsfreeze --unfreeze mnt
            """
        boot.after = """
            umount -l mnt
            rm image
            /usr/bin/ip link delete tap0
            """
        return boot
    }

    @Test(arguments: variants)
    func networkDoesNotWaitForADisk(_ variant: DeviceVariant) throws {
        let result = try Self.batch.get().result(variant.name(of: "frozen-disk"))
        try #require(result.status == 0 && result.sections["end"] != nil, result.comment)
        #expect(
            result.sections["frozen"] == ["20 packets transmitted, 20 packets received, 0% packet loss", "disk waits"],
            result.comment)
        #expect(result.sections["thawed"] == ["0"], result.comment)
    }
}
