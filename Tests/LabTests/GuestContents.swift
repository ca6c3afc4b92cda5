import Foundation

/// What a guest under test has in its initramfs besides busybox and `Guests/init.sh`.
struct GuestContents {
    /// Kernel modules, which the script inserts when it calls `insert_modules`.
    var modules: [String]
    /// Debian's programs, each with its shared libraries, to be found in /usr/bin.
    var programs: [String] = []
    /// Files of this directory's `Guests`, in the guest's /jobs: `NAME.sh` there is the job NAME.
    var jobs: [String] = []
    /// Further files, as HOST:GUEST.
    var files: [String] = []

    static let standard = GuestContents(modules: ["button", "evdev", "pvpanic_mmio"])

    private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Guests"

    /// - Parameter modules: a directory of kernel modules.
    func makeInitramfs(_ path: String, modules directory: String) throws {
        var arguments = ["initramfs", "--to", path, "--init", "\(Self.directory)/init.sh"]
        arguments += ["--modules", "\(directory):\(modules.joined(separator: ","))"]
        arguments += programs.flatMap { ["--program", $0] }
        arguments += (jobs.map { "\(Self.directory)/\($0):/jobs/\($0)" } + files).flatMap { ["--file", $0] }
        let result = try LabHost.result(of: try LabHost.process(arguments))
        guard result.status == 0 else { throw GuestBatch.Failure(description: result.errors) }
    }
}
