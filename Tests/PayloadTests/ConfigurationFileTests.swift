import Foundation
import TemporaryFiles
import Testing

/// `swiftlet run --config`.
struct ConfigurationFileTests {
    private func configuration(_ payload: String, _ rest: String = "") throws -> TemporaryFile {
        try TemporaryFile(#"{"kernel": {"path": "\#(try Swiftlet.payload(payload))"}, "memory": "64M"\#(rest)}"#)
    }

    @Test(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
    func aMachineIsMadeFromAFileAndOptionsOverrideIt() throws {
        let file = try configuration("smp", #", "cpus": 2"#)
        #expect(try Swiftlet.run(["run", "--config", file.path]).output.hasSuffix("cpus: 2\n"))
        #expect(try Swiftlet.run(["run", "--config", file.path, "--cpus", "3"]).output.hasSuffix("cpus: 3\n"))
        let kernel = try Swiftlet.payload("hello")
        let result = try Swiftlet.run(["run", "--config", file.path, "--kernel", kernel])
        #expect(result.output == "hello from a bare-metal guest\n")
        #expect(result.errors == "")
        #expect(result.ending == .exited(0))
    }

    /// The configuration may have been written for 'swiftlet serve'.
    @Test(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
    func theConsoleIsStdoutWhateverTheFileSays() throws {
        let file = try configuration("hello", #", "console": {"output": "discard"}"#)
        let result = try Swiftlet.run(["run", "--config", file.path])
        #expect(result.output == "hello from a bare-metal guest\n")
        #expect(result.errors.hasPrefix("swiftlet: \(file.path):1:"))
        #expect(result.errors.contains("/console/output has no effect"))
        #expect(result.ending == .exited(0))
    }

    private func expectFailure(_ arguments: [String], saying message: String) throws {
        let result = try Swiftlet.run(["run"] + arguments)
        #expect(result.ending == .exited(125))
        #expect(result.output == "")
        #expect(result.errors == "swiftlet: \(message)\n")
    }

    @Test(
        arguments: [
            (
                "{\n  \"kernel\": {\"path\": \"k\"},\n}\n",
                "3:1: the name of a field in double quotes is expected, not '}'"
            ),
            ("{\n  \"kernel\": {\"path\": \"k\"}\n  \"cpus\": 1\n}\n", "3:3: ',' or '}' is expected, not '\"'"),
            ("", "1:1: a value is expected, but the text ends"),
            (
                "{\"kernel\": {\"path\": \"k\"}, \"cpus\": \"two\"}",
                "1:35: /cpus \"two\": it must be a whole number, 1 to 32"
            ),
            ("{\"cpus\": 1}", "1:1: /kernel: it is missing; give an object"), ("[]", "1:1: []: it must be an object"),
            (
                "{\"kernel\": {\"path\": \"k\", \"initramfs\": \"i\"}}",
                """
                1:39: /kernel/initramfs "i": there is no such field; use path, initrd, commandLine, append, bootProtocol
                """
            ),
            (
                "{\"kernel\": {\"path\": \"k\"},\n \"disks\": [{\"id\": \"d\", \"path\": \"/nonesuch/d\"}]}",
                """
                2:32: /disks/0/path: /nonesuch/d: there is no such disk image; make one with 'truncate -s 1G /nonesuch/d'
                """
            ),
            (
                "{\"kernel\": {\"path\": \"k\"},\n \"cpus\": 33}",
                "2:10: /cpus 33: a machine has 1 to 32 vCPUs"
            ),
        ] as [(String, String)])
    func whatIsWrongInAFileIsTold(text: String, message: String) throws {
        let file = try TemporaryFile(text)
        try expectFailure(["--config", file.path], saying: "\(file.path):\(message)")
    }

    @Test func whatIsNoFileIsTold() throws {
        let rest = "; name a file that holds one as JSON"
        try expectFailure(
            ["--config", "/nonesuch/vm.json"],
            saying: "/nonesuch/vm.json: the configuration cannot be read (open: No such file or directory)\(rest)")
        try expectFailure(
            ["--config", "/"], saying: "/: the configuration cannot be read (read: Is a directory)\(rest)")
        try expectFailure(["--config", "/dev/zero"], saying: "/dev/zero: a configuration has 1048576 bytes at most")
        let bytes = try TemporaryFile([0x7B, 0xFF])
        try expectFailure(["--config", bytes.path], saying: "\(bytes.path):1:2: this is not valid UTF-8")
    }

    /// Others than those of the file come with the option.
    @Test func anOptionIsNamedWhereItIsToBlame() throws {
        let file = try configuration("hello", #", "cpus": 40"#)
        try expectFailure(["--config", file.path, "--cpus", "41"], saying: "--cpus 41: a machine has 1 to 32 vCPUs")
        try expectFailure(
            ["--config", file.path, "--cpus", "2", "--disk", "path=/nonesuch/d"],
            saying: "/nonesuch/d: there is no such disk image; make one with 'truncate -s 1G /nonesuch/d'")
    }
}
