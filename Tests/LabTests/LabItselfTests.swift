import Foundation
import Testing

/// The lab keeps its promises to the tests that rely on it.
@Suite(.serialized, .enabled(if: LabHost.isThere, LabHost.missing), .timeLimit(.minutes(5)))
struct LabItselfTests {
    private static let options = ["--swiftlet", "none"]

    private func run(_ script: String, files: [String] = [], options: [String] = []) throws -> LabHost.Result {
        try LabHost.run(script, files: files, options: Self.options + options)
    }

    @Test(
        arguments: [
            ("exit 0", 0), ("exit 7", 7), ("nonesuch", 127), ("/dev/null", 126), ("kill -TERM $$", 143),
            ("kill -KILL $$", 137),
        ] as [(String, CInt)])
    func statusIsTheCommands(script: String, status: CInt) throws {
        #expect(try run(script).status == status)
    }

    @Test func outputIsByteCleanAndSeparate() throws {
        let bytes = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 ^ ($0 >> 8)) }
        let file = FileManager.default.temporaryDirectory.appending(path: "lab-bytes-\(UUID().uuidString)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }

        let result = try run("cat bytes & cat bytes bytes >&2; wait", files: ["\(file.path):bytes"])
        #expect(result.status == 0)
        #expect(result.stdout == bytes, "\(result.stdout.count) bytes on stdout")
        #expect(result.stderr == bytes + bytes, "\(result.stderr.count) bytes on stderr")
    }

    @Test func hostHasKVMAndTheCommandIsRoot() throws {
        let result = try run("test -w /dev/kvm && id -u && cat && pwd && echo $LAB_FILES")
        #expect(result.status == 0)
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 3 && lines[1] == lines[2], "\(result.output)")
    }

    @Test func outputComesWhileTheCommandRuns() throws {
        let process = try LabHost.process("echo now; sleep 1000", options: Self.options)
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        #expect(pipe.fileHandleForReading.availableData == Data("now\n".utf8))
        #expect(process.isRunning)
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationStatus == 143)
    }

    @Test func timeLimitEndsTheCommandAndKeepsItsOutput() throws {
        let result = try run("echo begun; sleep 1000", options: ["--timeout", "20s"])
        #expect(result.status == 124)
        #expect(result.output == "begun\n")
    }

    @Test func whatTheCommandLeavesRunningDoesNotDelayItsEnd() throws {
        let result = try run("sleep 1000 & echo done; exit 3", options: ["--timeout", "60s"])
        #expect(result.status == 3)
        #expect(result.output == "done\n")
    }

    @Test func filesGoInAndComeOut() throws {
        let files = FileManager.default
        let directory = files.temporaryDirectory.appending(path: "lab-files-\(UUID().uuidString)")
        let tree = directory.appending(path: "tree")
        let out = directory.appending(path: "out")
        try files.createDirectory(at: tree.appending(path: "sub"), withIntermediateDirectories: true)
        defer { try? files.removeItem(at: directory) }
        try "#!/bin/sh\necho ran $0\n".write(to: tree.appending(path: "sub/it's"), atomically: false, encoding: .utf8)
        try files.setAttributes([.posixPermissions: 0o754], ofItemAtPath: tree.appending(path: "sub/it's").path)
        try files.createSymbolicLink(atPath: tree.appending(path: "link").path, withDestinationPath: "sub")

        let result = try run(
            "cd a/b && link/it\\'s && cp -a . $OUT/copy && chmod 600 $OUT/copy/sub/*", files: ["\(tree.path):a/b"],
            options: ["--out", out.path])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output == "ran link/it's\n")
        let script = out.appending(path: "copy/sub/it's").path
        #expect(files.contents(atPath: script) == files.contents(atPath: tree.appending(path: "sub/it's").path))
        #expect(try files.attributesOfItem(atPath: script)[.posixPermissions] as? Int == 0o600)
        #expect(try files.destinationOfSymbolicLink(atPath: out.appending(path: "copy/link").path) == "sub")
    }

    @Test func aReaderThatGoesAwayEndsTheLab() throws {
        let process = try LabHost.process("yes", options: Self.options)
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        #expect(pipe.fileHandleForReading.availableData.starts(with: Data("y\ny\n".utf8)))
        try pipe.fileHandleForReading.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 141)
    }

    @Test func missingFilesAreNamed() throws {
        let result = try run("true", files: ["/nonesuch/file:file"])
        #expect(result.status == 125)
        #expect(result.errors.contains("/nonesuch/file"))
    }

    @Test func commandsRunOnThisMachineInstead() throws {
        let result = try LabHost.run(
            "[ $PWD = $LAB_FILES ] && cat a/file && : >$OUT/x && command -v swiftlet && exit 7",
            files: ["\(#filePath):a/file"], options: ["--swiftlet", "/bin/true"], environment: ["LAB": "host"])
        #expect(result.status == 7, "\(result.errors)")
        let source = try String(contentsOfFile: #filePath, encoding: .utf8)
        #expect(result.output.hasPrefix(source) && result.output.hasSuffix("/swiftlet\n"))
    }

    @Test func busyboxMakesAGuest() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "lab-guest-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let made = try LabHost.result(
            of: LabHost.process([
                "initramfs", "--to", file, "--file", "\(#filePath):/src/it.swift", "--program", "/usr/sbin/mke2fs",
            ]))
        #expect(made.status == 0, "\(made.errors)")
        let result = try run(
            """
            cpio -id <guest && cat src/it.swift && chroot . /bin/sh -c 'echo in $0; exit 7'
            status=$?
            chroot . /usr/bin/mke2fs -V && exit $status
            """, files: ["\(file):guest"])
        #expect(result.status == 7 && result.errors.contains("mke2fs 1."), "\(result.errors)")
        #expect(result.output == (try String(contentsOfFile: #filePath, encoding: .utf8)) + "in /bin/sh\n")
    }
}
