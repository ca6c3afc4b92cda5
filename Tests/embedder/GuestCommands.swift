import Foundation
import Swiftlet

/// Commands in a Linux guest that sees the host's files. Each line tells what is to be seen there: `same: NAME`, or what was
/// there instead.
struct GuestCommands {
    private let vm: MicroVM

    /// - Parameter append: for the kernel's command line.
    static func run(_ configuration: VMConfiguration, append: String) async throws {
        var configuration = configuration
        configuration.memory = ByteSize(bytes: 256 << 20)
        configuration.kernel.append = "quiet \(append)"
        configuration.agent = .init(root: "/")
        let lost = try await withMicroVM(configuration) { vm in
            let commands = GuestCommands(vm: vm)
            try await commands.runToTheirEnd()
            try await commands.takeAndGive()
            try await commands.endByTheirScope()
            try await commands.runOnAlone()
            try await commands.copy()
            let command = try await vm.startCommand(["sleep", "1000"])
            try await vm.stop(grace: .seconds(100))
            return await Result { try await command.wait() }
        }
        guard case .failure(let error as MicroVMError) = lost, case .commandLost = error else {
            return print("differs: the end of the guest: \(lost)")
        }
        print("same: the end of the guest")
    }

    private func expect<Value: Equatable>(_ name: String, _ value: Value, _ expected: Value) {
        print(value == expected ? "same: \(name)" : "differs: \(name): \(value)")
    }

    private func runToTheirEnd() async throws {
        let result = try await vm.execute(
            ["sh", "-c", "echo out; echo err >&2; cat; pwd; exit $STATUS"], environment: ["STATUS": "5"],
            directory: "/usr", input: "typed\n".utf8)
        expect("its output", result.output, "out\ntyped\n/usr\n")
        expect("its errors", result.errors, "err\n")
        expect("its status", result.end.code, 5)
        expect("what it used", (result.end.maxResidentKiB ?? 0) > 0, true)

        let counted = try await vm.execute(["wc", "-c"], input: [UInt8](repeating: 0x78, count: 3_000_000))
        expect("much input", counted.output, "3000000\n")
        let ignorant = try await vm.execute(["true"], input: [UInt8](repeating: 0x78, count: 3_000_000))
        expect("input that is not taken", ignorant.end.code, 0)

        let outputs = try await withThrowingTaskGroup(of: String.self) { group in
            for index in 0..<8 { group.addTask { try await vm.execute(["echo", "\(index)"]).output } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        expect("many at once", outputs.sorted(), (0..<8).map { "\($0)\n" })

        let missing = await Result { try await vm.execute(["nonesuch"]) }
        expect("no program", (missing.error as? ControlError)?.field, "/command")
        let endless = await Result { try await vm.execute(["yes"], outputLimit: 1 << 20) }
        expect("too much output", endless.error as? MicroVMError, .tooMuchOutput(limit: 1 << 20))
    }

    private func takeAndGive() async throws {
        let writing = try await vm.startCommand(["seq", "200000"])
        var bytes: [UInt8] = []
        for try await piece in writing.output { bytes += piece.bytes }
        let text = String(decoding: bytes, as: UTF8.self)
        expect("all output", text == (1...200_000).map { "\($0)\n" }.joined(), true)

        let echo = try await vm.startCommand(["cat"])
        var output = echo.output.makeAsyncIterator()
        try await echo.write("one")
        expect("an answer", try await output.next()?.text, "one")
        try await echo.write("two")
        expect("another answer", try await output.next()?.text, "two")
        try await echo.closeInput()
        expect("the end of its input", try await output.next() == nil, true)
        expect("its end", try await echo.wait().code, 0)

        let sleeping = try await vm.startCommand(["sleep", "1000"])
        try await sleeping.signal(SIGTERM)
        expect("a signal", try await sleeping.wait().signal, UInt8(SIGTERM))

        let typing = try await vm.startCommand(
            [
                "sh", "-c",
                "stty size; until [ \"$(stty size)\" = '56 78' ]; do usleep 50000; done; read line; echo $line",
            ], terminal: TerminalSize(rows: 12, columns: 34))
        var screen = ""
        for try await piece in typing.output {
            screen += piece.text
            guard screen == "12 34\r\n" else { continue }
            try await typing.resize(rows: 56, columns: 78)
            try await typing.write("typed\n")
        }
        expect("a terminal", screen, "12 34\r\ntyped\r\ntyped\r\n")
    }

    private func endByTheirScope() async throws {
        let short = try await vm.withCommand(["sleep", "1000"]) { $0 }
        expect("a scope", try await short.wait().signal, UInt8(SIGHUP))
        let stubborn = try await vm.withCommand(["sh", "-c", "trap '' HUP; echo ready; while :; do sleep 1; done"]) {
            command in
            for try await piece in command.output where piece.text.contains("ready") { break }
            return command
        }
        expect("a scope of one that stays", try await stubborn.wait().signal, UInt8(SIGKILL))
    }

    private func runOnAlone() async throws {
        _ = try await vm.startCommand(["sh", "-c", "seq 200000; echo over >/tmp/over"])
        let waiting = try await vm.execute(["sh", "-c", "until [ -s /tmp/over ]; do usleep 50000; done; cat /tmp/over"])
        expect("one that nobody has", waiting.output, "over\n")
    }

    private func copy() async throws {
        let files = FileManager.default
        try files.createDirectory(atPath: "tree", withIntermediateDirectories: true)
        try Data("contents\n".utf8).write(to: URL(fileURLWithPath: "tree/file"))
        expect("a copy's size", try await vm.copyIn("tree", to: "/tmp").bytes, 9)
        expect("a copy", try await vm.execute(["cat", "/tmp/tree/file"]).output, "contents\n")
        try await vm.copyOut("/tmp/tree", to: "back")
        expect("a copy's copy", files.contents(atPath: "back/file"), Data("contents\n".utf8))
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }

    fileprivate var error: (any Error)? {
        if case .failure(let error) = self { error } else { nil }
    }
}
