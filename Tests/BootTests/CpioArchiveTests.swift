import Boot
import Foundation
import Testing

@Suite struct CpioArchiveTests {
    @Test func cpioUnpacksWhatWasPacked() throws {
        let contents = (0..<70_001).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var archive = CpioArchive()
        try archive.addFile("usr/share/größe", contents: contents, mode: 0o640)
        try archive.addFile("empty", contents: [])
        try archive.addDirectory("tmp", mode: 0o1777)
        try archive.addSymbolicLink("usr/link", to: "../empty")
        try archive.addDevice("dev/console", .character, major: 5, minor: 1)
        try archive.addDevice("dev/vda", .block, major: 254, minor: 0, mode: 0o660)

        let listing = try cpio(["-t", "-v", "--quiet", "-n"], archive.finished()).output
        let lines = listing.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(
            lines.map { $0.first ?? "" } == [
                "drwxr-xr-x", "drwxr-xr-x", "-rw-r-----", "-rw-r--r--", "drwxrwxrwt", "lrwxrwxrwx", "drwxr-xr-x",
                "crw-------", "brw-rw----",
            ])
        #expect(lines.first?.suffix(4) == ["Jan", "1", "1970", "usr"])
        #expect(lines.contains { $0.suffix(3) == ["usr/link", "->", "../empty"] })
        #expect(lines.contains { $0.contains("254,") && $0.last == "dev/vda" })
        #expect(lines.allSatisfy { $0.dropFirst(2).prefix(2) == ["0", "0"] })
        #expect(try cpio(["-i", "--to-stdout", "--quiet", "usr/share/*"], archive.finished()).bytes == contents)
    }

    @Test func sameCallsMakeTheSameBytes() throws {
        func make() throws -> [UInt8] {
            var archive = CpioArchive()
            for index in 0..<100 { try archive.addFile("d\(index % 7)/f\(index)", contents: [UInt8(index)]) }
            return archive.finished()
        }
        #expect(try make() == make())
        #expect(try make().count.isMultiple(of: 512))
    }

    @Test(
        arguments: [
            "", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "a/", "a\0b",
            "TRAILER!!!", String(repeating: "x", count: 4096),
        ])
    func unsafeNamesAreRefused(name: String) {
        var archive = CpioArchive()
        #expect(throws: CpioArchiveError.unusablePath(name)) { try archive.addFile(name, contents: []) }
        #expect(throws: CpioArchiveError.unusablePath(name)) { try archive.addDirectory(name) }
        #expect(throws: CpioArchiveError.unusablePath(name)) { try archive.addSymbolicLink(name, to: "x") }
        #expect(throws: CpioArchiveError.unusablePath(name)) {
            try archive.addDevice(name, .character, major: 1, minor: 3)
        }
        #expect(archive.finished() == CpioArchive().finished())
    }

    @Test(arguments: ["", "a\0b", String(repeating: "x", count: 4096)])
    func unusableLinkTargetsAreRefused(target: String) {
        var archive = CpioArchive()
        #expect(throws: CpioArchiveError.unusableLinkTarget(path: "l", target: target)) {
            try archive.addSymbolicLink("l", to: target)
        }
    }

    @Test func nothingIsInAnArchiveTwice() throws {
        var archive = CpioArchive()
        try archive.addFile("a/file", contents: [])
        try archive.addDirectory("a")
        #expect(throws: CpioArchiveError.duplicate("a/file")) { try archive.addDirectory("a/file") }
        #expect(throws: CpioArchiveError.duplicate("a")) { try archive.addFile("a", contents: []) }
        #expect(throws: CpioArchiveError.parentIsNoDirectory(path: "a/file/x", parent: "a/file")) {
            try archive.addFile("a/file/x", contents: [])
        }
        try archive.addSymbolicLink("link", to: "a")
        #expect(throws: CpioArchiveError.parentIsNoDirectory(path: "link/y", parent: "link")) {
            try archive.addFile("link/y", contents: [])
        }
    }

    private func cpio(_ arguments: [String], _ archive: [UInt8]) throws -> (output: String, bytes: [UInt8]) {
        let file = FileManager.default.temporaryDirectory.appending(path: "cpio-\(UUID().uuidString)")
        try Data(archive).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/cpio")
        process.arguments = arguments
        process.environment = ["LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/bin:/bin"]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let bytes = [UInt8](pipe.fileHandleForReading.readDataToEndOfFile())
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return (String(decoding: bytes, as: UTF8.self), bytes)
    }
}
