import Foundation
import TemporaryFiles
import Testing

/// `swiftlet kernel`, and what `run` boots when nobody says what.
@Suite(.enabled(if: Swiftlet.canRun, Swiftlet.cannotRun))
struct KernelCommandTests {
    private let data: TemporaryDirectory

    init() throws {
        data = try TemporaryDirectory()
    }

    private func swiftlet(_ arguments: [String]) throws -> Swiftlet.Result {
        try Session(
            "/usr/bin/env", ["XDG_DATA_HOME=\(data.path)", Swiftlet.program] + arguments, stdin: .bytes([]),
            stdout: .captured
        )
        .end()
    }

    @Test func theHighestVersionIsBooted() throws {
        for (version, payload) in [("2", "halt"), ("10", "hello"), ("9", "halt")] {
            let result = try swiftlet(["kernel", "add", try Swiftlet.payload(payload), "--name", version])
            #expect(result.output == "\(version)\n")
            #expect(result.ending == .exited(0))
        }
        let list = try swiftlet(["kernel", "list"]).output.split(separator: "\n").map { $0.split(separator: "\t") }
        #expect(list.map { $0[0] } == ["10", "9", "2"])
        #expect(list.map { $0[1] }.allSatisfy { FileManager.default.fileExists(atPath: String($0)) })

        let run = try swiftlet(["run", "--memory", "64M"])
        #expect(run.output == "hello from a bare-metal guest\n")
        #expect(run.ending == .exited(0))

        #expect(try swiftlet(["kernel", "remove", "2", "9", "10"]).ending == .exited(0))
        let empty = try swiftlet(["kernel", "list"])
        #expect(empty.output == "")
        #expect(empty.errors == "There are no kernels yet: 'swiftlet kernel add FILE' adds one.\n")
        #expect(try swiftlet(["kernel", "list", "--json"]).output == "[\n\n]\n")
    }

    @Test func whatIsRefusedIsNamed() throws {
        let wrong = try swiftlet(["kernel", "add", "/dev/null"])
        #expect(wrong.ending == .exited(125))
        #expect(wrong.errors.hasPrefix("swiftlet: /dev/null: "))
        #expect(try swiftlet(["kernel", "remove", "x"]).errors.contains("the store is empty"))
        let homeless = try Session(
            "/usr/bin/env", ["-u", "HOME", "XDG_DATA_HOME=relative", Swiftlet.program, "kernel", "list"],
            stdin: .bytes([]), stdout: .captured
        ).end()
        #expect(homeless.ending == .exited(125))
        #expect(homeless.errors.contains("XDG_DATA_HOME"))
    }
}
