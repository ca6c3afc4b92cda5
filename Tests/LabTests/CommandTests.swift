import Foundation
import Testing

/// `swiftlet run -- COMMAND` behaves as the command does on the host.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing))
struct CommandTests {
    /// What a guest with an agent loads, in the directories of a kernel's modules.
    private static let modules = [
        "modules.builtin", "kernel/drivers/virtio", "kernel/fs/fuse", "kernel/fs/overlayfs", "kernel/net/vmw_vsock",
    ]

    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Guests/commands.sh"

    private func run(_ group: String, on kernel: StockKernel) throws -> LabHost.Result {
        let directory = try kernel.directory
        let files = Self.modules.map { "\(directory)/modules/\($0):kernel/modules/\($0)" }
        return try LabHost.run(
            "sh commands.sh \(group)",
            files: files + ["\(directory)/vmlinux:kernel/vmlinux", "\(Self.script):commands.sh"])
    }

    @Test(arguments: [
        ("statuses", 17), ("streams", 13), ("words", 9), ("signals", 15), ("limits", 12),
    ])
    func behavesAsOnTheHost(group: String, count: Int) throws {
        try check(try run(group, on: .older), count: count)
    }

    @Test func aNewerKernelDoesTheSame() throws {
        try check(try run("words", on: .newer), count: 9)
    }

    private func check(_ result: LabHost.Result, count: Int) throws {
        let lines = result.output.split(separator: "\n")
        #expect(lines.last == "end", "\(result.output)\n\(result.errors)")
        #expect(lines.dropLast().allSatisfy { $0.hasPrefix("same: ") }, "\(result.output)\n\(result.errors)")
        #expect(lines.count == count + 1, "\(result.output)")
    }
}
