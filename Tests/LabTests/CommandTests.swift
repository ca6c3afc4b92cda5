import Foundation
import Testing

/// `swiftlet run -- COMMAND` behaves as the command does on the host.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct CommandTests {
    /// What a guest with an agent loads, in the directories of a kernel's modules.
    private static let modules = [
        "modules.builtin", "kernel/drivers/virtio", "kernel/fs/fuse", "kernel/fs/overlayfs", "kernel/net/vmw_vsock",
    ]

    private func run(_ script: String, _ file: String, on kernel: GuestBatch.Kernel) throws -> LabHost.Result {
        let directory = try GuestBatch.directory(of: kernel)
        let files = Self.modules.map { "\(directory)/modules/\($0):kernel/modules/\($0)" }
        let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Guests"
        return try LabHost.run(
            "KERNEL_APPEND=\(kernel.append)\n\(script)",
            files: files + ["\(directory)/vmlinux:kernel/vmlinux", "\(scripts)/\(file):\(file)"],
            options: ["--timeout", "5m"] + GuestBatch.program)
    }

    @Test(arguments: [
        ("statuses", 16), ("streams", 13), ("words", 10), ("signals", 15), ("limits", 12),
    ])
    func behavesAsOnTheHost(group: String, count: Int) throws {
        try check(try run("set \(group); . ./commands.sh", "commands.sh", on: .older), count: count)
    }

    @Test func aNewerKernelDoesTheSame() throws {
        try check(try run("set words; . ./commands.sh", "commands.sh", on: .newer), count: 10)
    }

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

    private func check(_ result: LabHost.Result, count: Int) throws {
        let lines = result.output.split(separator: "\n")
        #expect(lines.last == "end", "\(result.output)\n\(result.errors)")
        #expect(lines.dropLast().allSatisfy { $0.hasPrefix("same: ") }, "\(result.output)\n\(result.errors)")
        #expect(lines.count == count + 1, "\(result.output)")
    }
}
