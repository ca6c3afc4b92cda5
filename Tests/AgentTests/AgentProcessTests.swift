import CLinux
import Foundation
import MachineConfiguration
import TemporaryFiles
import Testing

@testable import Agent

/// The agent, as an ordinary process, runs commands as a shell on this machine does.
@Suite(
    .serialized,
    .enabled(
        if: FileManager.default.isExecutableFile(atPath: AgentProcess.path),
        "\(AgentProcess.path) is not there: run 'make firmware'"))
struct AgentProcessTests {
    private static let path = Array("PATH=/usr/local/bin:/usr/bin:/bin".utf8)

    private let agent: AgentProcess

    init() throws {
        agent = try AgentProcess()
    }

    private func request(_ words: [String]) -> CommandRequest {
        var request = CommandRequest(words)
        request.environment = [Self.path]
        return request
    }

    private func shell(_ script: String, input: TemporaryFile? = nil) throws -> AgentProcess.Outcome {
        try agent.run(request(["/bin/sh", "-c", script]), input: input)
    }

    /// What a shell of this process makes of the script. It inherits the signals that are ignored here.
    private func onTheHost(_ script: String, input: TemporaryFile?) throws -> AgentProcess.Outcome {
        let (output, errors) = (try TemporaryFile([]), try TemporaryFile([]))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script]
        process.environment = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.standardInput =
            try input.map { FileHandle(fileDescriptor: try $0.open(O_RDONLY), closeOnDealloc: true) }
            ?? FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: output.path)
        process.standardError = FileHandle(forWritingAtPath: errors.path)
        try process.run()
        process.waitUntilExit()
        let status = Int(process.terminationStatus)
        return AgentProcess.Outcome(
            status: process.terminationReason == .exit ? status : 128 + status,
            output: Array(try Data(contentsOf: URL(fileURLWithPath: output.path))),
            errors: Array(try Data(contentsOf: URL(fileURLWithPath: errors.path))))
    }

    @Test func everyExitCodeComesBack() throws {
        for code in 0...255 { #expect(try shell("exit \(code)").status == code) }
        try agent.stop()
    }

    /// All that end a process by default.
    @Test func everySignalComesBack() throws {
        let signals = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31, 34, 64]
        for signal in signals { #expect(try shell("kill -\(signal) $$").status == 128 + signal, "signal \(signal)") }
        try agent.stop()
    }

    @Test(arguments: [
        "cat", "cat; cat", "head -c 3", "echo out; echo err >&2; exit 4", "printf 'no newline'",
        "printf '\\000\\377\\n'",
        "for i in 1 2 3; do echo $i; echo e$i >&2; done", "nonesuch", "/etc/passwd", "/nonesuch/x", "exec cat <&-",
        "cd /nonesuch || exit 9", "true | false", "sleep 0.05 & echo parent", "exec >&-; exit 3",
        "exec 2>&-; echo x >&2; echo y", "(exit 7); echo $?", "sh -c 'kill -9 $$'; echo $?", "ulimit -c; umask; pwd",
        "wc -c", "seq 50000", "seq 50000 >&2", "seq 20000; seq 20000 >&2", "trap 'echo bye' EXIT; exit 5",
        "read -r line; echo \"$line\"; cat", "tty; echo $?", "ls /proc/self/fd | wc -l", "echo $$ >/dev/null; exit 77",
        "set -- a 'b c' \"\"; echo $#", "printenv NONESUCH; echo $?", "cat /proc/self/status | grep -c Shd",
        "stty size", "exit 256", "exec nonesuch",
    ])
    func behavesAsOnTheHost(script: String) throws {
        let input = try TemporaryFile(Array("first line\nsecond\0line\nno newline at the end".utf8))
        #expect(try shell(script, input: input) == onTheHost(script, input: input), "\(script)")
        try agent.stop()
    }

    @Test func bytesPassUnchanged() throws {
        let bytes = (0..<(20 << 20)).map { UInt8(truncatingIfNeeded: $0 ^ ($0 >> 8) ^ ($0 >> 16)) }
        let outcome = try shell("cat", input: try TemporaryFile(bytes))
        #expect(outcome.status == 0 && outcome.output == bytes && outcome.errors.isEmpty)
        try agent.stop()
    }

    @Test func argumentsAndVariablesAreAnyBytes() throws {
        let all = Array(1...255 as ClosedRange<UInt8>)
        var request = CommandRequest([Array("printf".utf8), Array("%s|%s".utf8), all, []])
        request.environment = [Self.path]
        #expect(try agent.run(request).output == all + [UInt8(ascii: "|")])
        request = CommandRequest(["env"])
        request.environment = [Self.path, Array("LINES=one\ntwo".utf8), Array("BYTES=".utf8) + all]
        let output = try agent.run(request).output
        #expect(output == request.environment.flatMap { $0 + [UInt8(ascii: "\n")] })
        try agent.stop()
    }

    @Test func theWorkingDirectoryIsTheRequests() throws {
        var request = request(["pwd"])
        request.directory = Array("/usr".utf8)
        #expect(try agent.run(request).output == Array("/usr\n".utf8))
        request.directory = Array("/nonesuch".utf8)
        #expect(try agent.run(request).status == 126)
        try agent.stop()
    }

    @Test func aCardThatIsNotThereIsReported() throws {
        let request = GuestRequest.configureInterface(
            MACAddress([0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), IPv4Address(192, 0, 2, 1), prefixLength: 24, gateway: nil)
        #expect(try agent.perform(request) == .guest(request, errno: ENODEV))
        #expect(try shell("exit 3").status == 3)
        try agent.stop()
    }

    @Test(
        arguments: [
            .configureInterface(
                MACAddress([2, 0, 0, 0, 0, 1]), IPv4Address(192, 0, 2, 1), prefixLength: 0, gateway: nil),
            .configureInterface(
                MACAddress([2, 0, 0, 0, 0, 1]), IPv4Address(192, 0, 2, 1), prefixLength: 33, gateway: nil),
            .replaceFile(root: "", path: "relative", contents: ""),
            .replaceFile(root: "relative", path: "/file", contents: ""),
            .replaceFile(root: "", path: "/nonesuch/file", contents: "\0"),
        ] as [GuestRequest])
    func whatMakesNoSenseIsRefused(request: GuestRequest) throws {
        #expect(try agent.perform(request) == .agent(.refused(kind: request.kind.rawValue, reason: 1)))
        try agent.stop()
    }

    /// As `/etc/resolv.conf` often is one.
    @Test func aFileTakesThePlaceOfALinkAndNotOfItsTarget() throws {
        let directory = try TemporaryDirectory()
        let (target, link) = ("\(directory.path)/target", "\(directory.path)/etc/link")
        try FileManager.default.createDirectory(atPath: "\(directory.path)/etc", withIntermediateDirectories: true)
        try "kept".write(toFile: target, atomically: false, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "../target")
        for path in [link, "\(directory.path)/new/directory/file"] {
            for contents in ["the first\n", "the second\n"] {
                #expect(try agent.perform(.replaceFile(root: "", path: path, contents: contents)) == nil)
                #expect(try String(contentsOfFile: path, encoding: .utf8) == contents)
            }
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.type] as? FileAttributeType == .typeRegular)
            #expect(attributes[.posixPermissions] as? Int == 0o644)
        }
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "kept")
        let occupied = GuestRequest.replaceFile(root: "", path: "\(directory.path)/etc", contents: "")
        #expect(try agent.perform(occupied) == .guest(occupied, errno: EISDIR))
        try agent.stop()
    }

    @Test(.enabled(if: geteuid() == 0, "chroot(2) is for root"))
    func aFileIsMadeInItsRootWhateverLinksLeadOutOfIt() throws {
        let directory = try TemporaryDirectory()
        let root = "\(directory.path)/root"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        // The host has such a directory; the root has none.
        try FileManager.default.createSymbolicLink(atPath: "\(root)/etc", withDestinationPath: directory.path)
        let request = GuestRequest.replaceFile(root: root, path: "/etc/file", contents: "x")
        #expect(try agent.perform(request) == .guest(request, errno: EEXIST))
        try FileManager.default.createDirectory(atPath: root + directory.path, withIntermediateDirectories: true)
        #expect(try agent.perform(request) == nil)
        #expect(FileManager.default.fileExists(atPath: "\(root)\(directory.path)/file"))
        #expect(!FileManager.default.fileExists(atPath: "\(directory.path)/file"))
        try agent.stop()
    }

    @Test func aTerminalIsOne() throws {
        var request = request(["sh", "-c", "stty size; tty >/dev/null && echo yes; exit 6"])
        request.terminal = .init(rows: 12, columns: 34)
        let outcome = try agent.run(request)
        #expect(outcome.status == 6)
        #expect(outcome.output == Array("12 34\r\nyes\r\n".utf8))
        try agent.stop()
    }
}
