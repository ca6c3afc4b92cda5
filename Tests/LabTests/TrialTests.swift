import Foundation
import Testing

/// Real work in guests that run commands: builds, hostile ones too, file systems under load, and many guests.
@Suite(.enabled(if: LabHost.isThere, LabHost.missing))
struct TrialTests {
    /// What is built here is what the same commands build on the host, byte for byte, from sources that stay as they are.
    @Test func buildsAreTheSame() throws {
        let sources = try directory("SWIFTLET_SOURCES")
        let packages = LabHost.isFull ? ["ncompress", "bzip2", "hello"] : ["ncompress"]
        let files = try packages.map { "\(sources)/\($0):sources/\($0)" } + Compiler.files()
        let expected =
            LabHost.isFull
            ? ["bzip2: bzip2", "bzip2: libbz2.a", "hello: hello", "hello: config.h"] : []
        try expect(
            ["ncompress: compress", "ncompress: packed"] + expected + ["the sources"],
            try run("build", files, Compiler.programs().flatMap { ["--program", $0] }))
    }

    /// A build that takes all it can get and tries to get out, with the host against it.
    @Test func hostileBuildsReachNothing() throws {
        let builds = (LabHost.isFull ? ["4096", "128"] : ["128"]).map { "a hostile build, \($0) descriptors" }
        let races = try "\(LabHost.firmware)/programs/races"
        try expect(
            builds + ["all outside of the share"], try run("hostile", ["\(races):races"], ["--program", races]))
    }

    @Test func sharesKeepWhatIsWritten() throws {
        let model = try "\(LabHost.firmware)/programs/model"
        try expect(
            ["two models", "the sums", "many files", "a tree is removed", "stress"],
            try run("files", [], ["--program", model, "--program", "/usr/bin/stress-ng"]))
    }

    @Test func manyGuestsLeaveNothing() throws {
        try expect(["the first", "all of them", "what is left", "open files"], try run("workers", [], []))
    }

    private func run(_ trial: String, _ files: [String], _ options: [String]) throws -> LabHost.Result {
        let kernel = try GuestBatch.directory(of: .older)
        let modules = CommandTests.modules.map { "\(kernel)/modules/\($0):kernel/modules/\($0)" }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Guests/trials.sh"
        let result = try LabHost.run(
            "FULL=\(LabHost.isFull ? "1" : "") SEED=\(ProcessInfo.processInfo.environment["SWIFTLET_TRIALS_SEED"] ?? "")\n"
                + "set \(trial); . ./trials.sh",
            files: files + modules + ["\(kernel)/vmlinux:kernel/vmlinux", "\(script):trials.sh"],
            options: options + ["--memory", "3G", "--timeout", LabHost.isFull ? "40m" : "15m"] + GuestBatch.program)
        if LabHost.isFull { print("\(trial):\n\(result.errors)") }
        return result
    }

    private func expect(_ names: [String], _ result: LabHost.Result) throws {
        let lines = result.output.split(separator: "\n")
        let expected = names.map { "same: \($0)" } + ["end"]
        #expect(lines == expected.map { $0[...] }, "\(result.output)\n\(result.errors)")
    }

    private func directory(_ variable: String) throws -> String {
        try #require(
            ProcessInfo.processInfo.environment[variable], "\(variable) is not set, as 'make test' lets it be")
    }
}

/// This machine's C compiler, for the lab host, which its guests share.
private enum Compiler {
    /// The two that gcc itself runs are found on the PATH as well.
    static func programs() throws -> [String] {
        let own = try directory()
        return ["gcc", "make", "as", "ld", "ar", "ranlib"].map { "/usr/bin/\($0)" }
            + ["cc1", "collect2"].map { "\(own)/\($0)" }
    }

    private static let libraries = "/usr/lib/x86_64-linux-gnu"

    /// As HOST:GUEST at the same places.
    static func files() throws -> [String] {
        let own = try directory()
        var paths = [
            "libgcc.a", "libgcc_eh.a", "libgcc_s.so", "liblto_plugin.so", "crtbeginS.o", "crtendS.o", "include",
        ].map {
            "\(own)/\($0)"
        }
        paths += ["Scrt1.o", "crti.o", "crtn.o", "libc.so", "libc_nonshared.a", "libgcc_s.so.1"].map {
            "\(libraries)/\($0)"
        }
        paths += ["x86_64-linux-gnu", "linux", "asm-generic"].map { "/usr/include/\($0)" }
        let headers = try FileManager.default.contentsOfDirectory(atPath: "/usr/include")
        paths += headers.filter { $0.hasSuffix(".h") }.map { "/usr/include/\($0)" }
        return paths.map { "\($0):\($0)" } + ["/usr/bin/gcc:/usr/bin/cc"]
    }

    private static func directory() throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/gcc")
        process.arguments = ["-print-libgcc-file-name"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (text.trimmingCharacters(in: .whitespacesAndNewlines) as NSString).deletingLastPathComponent
    }
}
