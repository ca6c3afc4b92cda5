import Foundation
import Testing

/// `swiftlet run -- COMMAND` behaves as the command does on the host.
@Suite(.enabled(if: LabHost.isThere, LabHost.missing))
struct CommandTests {
    /// What a guest with an agent loads, in the directories of a kernel's modules.
    static let modules = [
        "modules.builtin", "kernel/drivers/block", "kernel/drivers/virtio", "kernel/fs/erofs", "kernel/fs/fuse",
        "kernel/fs/overlayfs", "kernel/fs/squashfs", "kernel/lib", "kernel/net/vmw_vsock",
    ]

    private func run(
        _ script: String, _ file: String? = nil, on kernel: GuestBatch.Kernel, files further: [String] = [],
        options: [String] = []
    ) throws -> LabHost.Result {
        let directory = try GuestBatch.directory(of: kernel)
        let files = Self.modules.map { "\(directory)/modules/\($0):kernel/modules/\($0)" }
        let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Guests"
        return try LabHost.run(
            "KERNEL_APPEND=\(kernel.append)\n\(script)",
            files: files + further + (file.map { ["\(scripts)/\($0):\($0)"] } ?? [])
                + ["\(directory)/vmlinux:kernel/vmlinux"],
            options: ["--timeout", "15m"] + options + GuestBatch.program)
    }

    @Test(arguments: [
        ("statuses", 18), ("streams", 15), ("words", 16), ("signals", 15), ("limits", 12),
    ])
    func behavesAsOnTheHost(group: String, count: Int) throws {
        try check(try run("set \(group); . ./commands.sh", "commands.sh", on: .older), count: count)
    }

    @Test func aNewerKernelDoesTheSame() throws {
        try check(try run("set words; . ./commands.sh", "commands.sh", on: .newer), count: 16)
    }

    /// Images and archives of one small tree, as users make them, and files that keep what is written above them.
    @Test(
        arguments: [("images", 20, .older), ("keep", 22, .newer)] as [(String, Int, GuestBatch.Kernel)])
    func whateverHasFilesIsARoot(group: String, count: Int, kernel: GuestBatch.Kernel) throws {
        let files = FileManager.default
        let directory = files.temporaryDirectory.appending(path: "roots-\(UUID().uuidString)").path
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: directory) }
        let script = Process()
        script.executableURL = URL(fileURLWithPath: "/bin/sh")
        script.arguments = ["-e", "-c", Self.makeRoots]
        script.currentDirectoryURL = URL(fileURLWithPath: directory)
        script.standardOutput = FileHandle.standardError
        try script.run()
        script.waitUntilExit()
        try #require(script.terminationStatus == 0, "the images cannot be made")
        let result = try run(
            "set \(group); . ./roots.sh", "roots.sh", on: kernel,
            files: Self.roots.map { "\(directory)/\($0):\($0)" }, options: ["--program", "/usr/sbin/mke2fs"])
        try check(result, count: count)
    }

    private static let roots = [
        "root.ext4", "dirty.ext4", "root.squashfs", "root.erofs", "root.tar", "root.tar.gz", "root.tar.zst",
    ]
    private static let makeRoots = """
        export PATH=$PATH:/usr/sbin:/sbin
        mkdir -p tree/bin tree/etc
        cp /bin/busybox tree/bin/
        for name in $(busybox --list); do [ $name = busybox ] || ln -s busybox tree/bin/$name; done
        echo original >tree/etc/marker
        truncate -s 32M root.ext4
        mke2fs -q -t ext4 -d tree root.ext4
        cp root.ext4 dirty.ext4
        debugfs -w -R 'feature needs_recovery' dirty.ext4
        mksquashfs tree root.squashfs -quiet -no-progress
        mkfs.erofs root.erofs tree >/dev/null
        tar -C tree -cf root.tar .
        gzip -k root.tar
        zstd -q root.tar
        """

    /// The same over the control channel, where many run in one guest.
    @Test func clientsRunCommands() throws {
        let result = try run(ControlClient.functions + ". ./exec.sh", "exec.sh", on: .older)
        #expect(result.errors == "" && result.output.hasSuffix("status 0\nend\n"), "\(result.output)\n\(result.errors)")
        let names = result.output.split(separator: "\n").filter { $0.hasPrefix("same: ") }.map { $0.dropFirst(6) }
        #expect(
            names == [
                "its status", "its end is told", "its output", "its errors", "the end by a signal",
                "one that has ended",
                "one that is not there", "no program", "a window", "all of it", "a terminal", "the end of the guest",
                "a guest that powered off",
            ], "\(result.output)")
        #expect(!result.output.contains("differs"), "\(result.output)")
    }

    /// The same by the Swift library, in a program on the lab's host.
    @Test func programsRunCommands() throws {
        let embedder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
        let result = try run(
            "embedder commands kernel/vmlinux \"$KERNEL_APPEND\" && echo end", on: .older,
            options: ["--program", "\(embedder)/embedder"])
        try check(result, count: 23)
    }

    /// With addresses, a route and names, and without the host's loopback interface.
    @Test func theUsersNetworkNeedsNoSetUp() throws {
        let modules = try GuestBatch.directory(of: .older) + "/modules"
        let result = try run(
            ControlClient.functions + ". ./network.sh", "network.sh", on: .older,
            files: ["drivers/net/virtio_net", "drivers/net/net_failover", "net/core/failover"].map {
                "\(modules)/kernel/\($0).ko:kernel/modules/kernel/\($0).ko"
            },
            options: ["ip", "getent", "passt", "socat"].flatMap { ["--program", "/usr/bin/\($0)"] })
        try check(result, count: 7)
    }

    /// `swiftlet exec`, `cp`, `logs` and `stop` beside a command that runs.
    @Test func othersWorkInAGuestThatRuns() throws {
        try check(try run(". ./machines.sh", "machines.sh", on: .older), count: 33)
    }

    /// What a user types and sees at the terminal of `swiftlet run` and `swiftlet exec`, and what is left of its settings.
    @Test func terminalsAreTheUsers() throws {
        let result = try run(
            ". ./terminals.sh", "terminals.sh", on: .older,
            options: ["--program", "\(try LabHost.firmware)/programs/terminal"])
        try check(result, count: 17)
    }

    private func check(_ result: LabHost.Result, count: Int) throws {
        let lines = result.output.split(separator: "\n")
        #expect(lines.last == "end", "\(result.output)\n\(result.errors)")
        #expect(lines.dropLast().allSatisfy { $0.hasPrefix("same: ") }, "\(result.output)\n\(result.errors)")
        #expect(lines.count == count + 1, "\(result.output)")
    }
}
