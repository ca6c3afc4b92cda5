import Foundation
import TemporaryFiles
import Testing

/// Wrong use and wrong files: status 125, a message that helps, and nothing on stdout. None of it needs a KVM.
struct UsageTests {
    private func expectFailure(_ arguments: [String], saying needles: [String]) throws {
        let result = try Swiftlet.run(arguments)
        #expect(result.ending == .exited(125))
        #expect(result.output == "")
        for needle in needles { #expect(result.errors.contains(needle), "'\(needle)' in \(result.errors)") }
        #expect(result.errors.hasSuffix("\n") && result.errors.utf8.count < 1000, "\(result.errors)")
    }

    @Test(
        arguments: [
            (["--nonesuch"], ["--nonesuch"]), (["--memory", "lots"], ["memory", "'lots'", "512M"]),
            (["--memory", "512"], ["memory", "'512'", "512M"]), (["--memory", "15M"], ["memory", "15M", "16M"]),
            (["--memory", "20000000T"], ["memory", "20000000T"]), (["--memory", "17T"], ["memory", "17T", "16T"]),
            (["--memory", "16385K"], ["memory", "16385K", "1M"]), (["--cpus", "0"], ["cpus", "0", "1 to 32"]),
            (["--cpus", "33"], ["cpus", "33", "1 to 32"]), (["--cpus", "-1"], ["cpus"]),
            (["--cpus", "x"], ["cpus", "x"]),
            (["--vsock", "cid=2,socket=s"], ["--vsock cid", "3 to 4294967294"]),
            (["--vsock", "cid=3"], ["--vsock", "socket=PATH"]),
            (["--vsock", "cid=x,socket=s"], ["cid", "'x'", "number"]),
            (["--vsock", "cid=3,path=s"], ["'path=s'", "socket=PATH"]),
            (["--vsock", "cid=3,socket=/nonesuch/s"], ["--vsock socket", "/nonesuch/s", "directory"]),
            (["--net", "tap=tap0,fd=5"], ["--net", "one of"]), (["--net", "bridge"], ["'bridge'", "tap="]),
            (["--net", "tap=a/b"], ["a/b"]), (["--net", "fd=2"], ["fd", "standard streams"]),
            (["--net", "fd=999"], ["999", "not open"]), (["--net", "user,mac=x"], ["mac", "'x'"]),
            (["--net", "user,mtu=65535"], ["mtu", "68 to 65520"]), (["--net", "user,bps=1"], ["1000"]),
            (["--port", "name=a"], ["port", "socket", "file"]), (["--port", "socket=s"], ["name"]),
            (["--port", "name=a,file=/nonesuch/f"], ["/nonesuch/f", "plain file"]),
            (["--console", "vga"], ["vga", "serial", "virtio"]),
            (["--balloon", "1T"], ["balloon"]),
            (["--disk", "path=/nonesuch/d"], ["/nonesuch/d", "no such disk image"]),
            (["--disk", "path=/dev/null"], ["/dev/null", "character device"]),
            (["--disk", "path=a,path=b"], ["'path'", "twice"]),
            (["--disk", "path=a", "--disk", "path=a,readonly"], ["--disk path", "same image"]),
            (
                ["--disk", "path=a,id=the-first-20-bytes-of-a", "--disk", "path=b,id=the-first-20-bytes-of-b"],
                ["--disk id", "give it a serial of its own"]
            ),
            (["--disk", "id=a"], ["--disk", "path"]), (["--disk", "path=a,iops=0"], ["1 at least"]),
            (["--disk", "path=a,id=vsock"], ["'vsock'", "another kind"]),
            (["--timeout", "5"], ["timeout", "'5'", "90s"]), (["--timeout", "0s"], ["timeout", "'0s'"]),
            (["--timeout"], ["--timeout"]), (["--boot-protocol", "bios"], ["bios", "pvh", "linux64"]),
            (["--huge-pages", "big"], ["big"]), (["--append", "a\nb"], ["command line", "line break"]),
            (["--append", String(repeating: "x", count: 3000)], ["command line", "30", "--append"]),
            (["--initrd", "i", "--", "ls"], ["--initrd", "'ls'"]), (["--root", "/"], ["--root", "-- COMMAND"]),
            (["--status-file", "s"], ["--status-file", "-- COMMAND"]),
            (["--status-file", "/nonesuch/s", "--", "ls"], ["/nonesuch/s", "No such file"]),
            (["--env", "=x", "--", "ls"], ["--env '=x'", "NAME=VALUE"]),
            (["--user", "me", "--", "ls"], ["'me'", "1000"]),
            (["--user", "4294967295", "--", "ls"], ["--user"]), (["--pids", "0", "--", "ls"], ["--pids 0", "1 to"]),
            (["--share", "/tmp:there", "--", "ls"], ["--share", "'there'", "'/'"]),
            (["--root", "/nonesuch", "--modules", "none", "--", "ls"], ["/nonesuch", "no such file or directory"]),
            (["--modules", "/nonesuch", "--", "ls"], ["/nonesuch"]),
            (["--disk-size", "10G", "--", "ls"], ["--disk-size 10G", "512M"]),
            (["--initrd", "/nonesuch/initrd"], ["/nonesuch/initrd", "no such file"]),
            (["--initrd", "/"], ["/: is a directory"]),
            (["--initrd", "/dev/null"], ["/dev/null", "character device"]),
            (["--initrd", ""], ["initrd"]),
        ] as [([String], [String])])
    func wrongOptionsAreExplained(options: [String], needles: [String]) throws {
        try expectFailure(["run", "--kernel", Swiftlet.payload("hello")] + options, saying: needles)
    }

    @Test(
        arguments: [
            (["frobnicate"], ["frobnicate", "swiftlet --help"]), (["--nonesuch"], ["--nonesuch", "swiftlet --help"]),
            (["doctor", "--nonesuch"], ["--nonesuch", "swiftlet doctor --help"]),
            (["doctor", "--jsno"], ["--jsno", "Did you mean '--json'?"]),
            (["run", "--memroy", "1G"], ["--memroy", "Did you mean '--memory'?", "swiftlet run --help"]),
            (["run", "--timeot=5s"], ["--timeot", "Did you mean '--timeout'?"]),
            (["completion", "tcsh"], ["tcsh", "'bash', 'zsh' or 'fish'"]), (["completion"], ["<shell>"]),
            (["run", "--kernel"], ["--kernel"]), (["run", "--kernel", ""], ["kernel"]),
            (["run", "--kernel", "/nonesuch/vmlinuz"], ["/nonesuch/vmlinuz", "no such file"]),
            (["run", "--kernel", "/"], ["/: is a directory", "regular file"]),
            (["run", "--kernel", "/dev/zero"], ["/dev/zero", "character device"]),
        ] as [([String], [String])])
    func wrongCommandLinesAreExplained(arguments: [String], needles: [String]) throws {
        try expectFailure(arguments, saying: needles)
    }

    /// Files that are no kernels, or not whole.
    enum NoKernel: CaseIterable {
        case empty, text, gzip, elf32, truncated, cut, zeros

        var needles: [String] {
            switch self {
            case .empty: ["an empty file"]
            case .text: ["a text file"]
            case .gzip: ["gzip", "decompress"]
            case .elf32: ["32-bit"]
            case .truncated, .cut: ["damaged kernel"]
            case .zeros: ["zeros"]
            }
        }

        func contents() throws -> [UInt8] {
            let kernel = try [UInt8](Data(contentsOf: URL(fileURLWithPath: Swiftlet.payload("hello"))))
            switch self {
            case .empty: return []
            case .text: return Array("just some text\n".utf8)
            case .gzip: return [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x2b, 0x49, 0x2d, 0x2e, 1, 0]
            case .elf32: return kernel.prefix(4) + [1] + kernel.dropFirst(5).prefix(1000)
            case .truncated: return Array(kernel.prefix(100))
            case .cut: return Array(kernel.dropLast(kernel.count / 3))
            case .zeros: return [UInt8](repeating: 0, count: 100_000)
            }
        }
    }

    @Test(arguments: NoKernel.allCases)
    func aFileThatIsNoKernelIsNamedWithWhatItIs(kind: NoKernel) throws {
        let file = try TemporaryFile(kind.contents())
        try expectFailure(["run", "--kernel", file.path], saying: ["swiftlet: \(file.path): "] + kind.needles)
    }

    @Test func anInitrdLargerThanMemoryIsRefused() throws {
        let initrd = try TemporaryFile(zeros: 64 << 20)
        try expectFailure(
            ["run", "--kernel", Swiftlet.payload("hello"), "--memory", "32M", "--initrd", initrd.path],
            saying: ["swiftlet: \(initrd.path): the initrd has 64 MiB", "more memory"])
    }

    @Test func aKernelThatCannotBeReadIsNamed() throws {
        let kernel = try TemporaryFile("")
        chmod(kernel.path, 0)
        guard access(kernel.path, R_OK) != 0 else { return }
        try expectFailure(["run", "--kernel", kernel.path], saying: ["\(kernel.path): not permitted"])
    }

    @Test(
        arguments: [
            (["--help"], ["USAGE: swiftlet", "run", "doctor"]), (["run", "--help"], ["--kernel", "--timeout", "125"]),
            (["help", "run"], ["--kernel"]), (["doctor", "--help"], ["--json"]), (["--version"], ["."]),
            (
                ["run", "--help"],
                ["Examples:\n  swiftlet run --", "--config", "1 to 32 (default: 1)", "512M)."]
            ),
            (["serve", "--help"], ["Examples:\n", "| swiftlet serve\n", "schema"]),
            (["doctor", "--help"], ["Examples:\n  swiftlet doctor\n"]),
            (["schema", "--help"], ["Examples:\n  swiftlet schema >", "VMConfiguration"]),
            (["completion", "--help"], ["Examples:\n  source <(swiftlet completion bash)"]),
            ([], ["USAGE"]),
        ] as [([String], [String])])
    func helpGoesToStdout(arguments: [String], needles: [String]) throws {
        let result = try Swiftlet.run(arguments)
        #expect(result.ending == .exited(0))
        #expect(result.errors == "")
        for needle in needles { #expect(result.output.contains(needle), "'\(needle)' in \(result.output)") }
    }

    @Test(arguments: [
        ["--help"], ["run", "--help"], ["--version"], ["doctor"], ["doctor", "--json"], ["schema"],
        ["completion", "bash"],
    ])
    func outputThatCannotBeWrittenIsAFailure(arguments: [String]) throws {
        let result = try Swiftlet.run(arguments, stdout: .file("/dev/full"))
        #expect(result.ending == .exited(125))
        #expect(result.errors == "swiftlet: stdout: No space left on device\n")
    }

    /// As with `--status-file /dev/stdout`.
    @Test func theStatusFileCanBeStdout() throws {
        let file = try TemporaryFile(Array("before\n".utf8))
        let script = "exec >\(file.path); echo own; exec \(Swiftlet.program) exec --status-file /dev/stdout none true"
        _ = try Session("/bin/sh", ["-c", script], stdin: .bytes([]), stdout: .captured).end()
        let lines = try String(contentsOfFile: file.path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2 && lines[0] == "own" && lines[1].contains("failed"), "\(lines)")
    }

    @Test func aPlaceIsForOneShare() throws {
        try expectFailure(
            ["run", "--kernel", "/nonesuch", "--share", "/etc:/x", "--share", "/usr:/x/", "--", "ls"],
            saying: ["--share", "'/x/'", "another share is mounted there"])
    }

    @Test func theStatusFileTellsOfAFailure() throws {
        let file = try TemporaryFile(Array("before".utf8))
        try expectFailure(
            ["run", "--status-file", file.path, "--kernel", "/nonesuch", "--", "ls"], saying: ["/nonesuch"])
        #expect(try String(contentsOfFile: file.path, encoding: .utf8).hasPrefix(#"{"cause":"failed","code":125,"#))
        try expectFailure(["exec", "--status-file", file.path, "nonesuch", "--", "ls"], saying: ["nonesuch"])
        #expect(try String(contentsOfFile: file.path, encoding: .utf8).hasPrefix(#"{"cause":"failed","code":125,"#))
    }

    @Test func anAgentIsForACommand() throws {
        let file = try TemporaryFile(#"{"kernel": {"path": "/nonesuch"}, "agent": {}}"#)
        try expectFailure(["run", "--config", file.path], saying: ["agent", "-- COMMAND"])
    }
}
