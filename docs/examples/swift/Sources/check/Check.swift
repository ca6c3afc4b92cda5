import Foundation
import Swiftlet

/// Has `make` build a copy of a directory, in a guest that sees this host's programs, then runs `make check` there, prints what
/// that writes and exits with its status: `check KERNEL DIRECTORY`.
@main
enum Check {
    static func main() async {
        guard CommandLine.arguments.count == 3 else { fail("usage: check KERNEL DIRECTORY") }
        var configuration = VMConfiguration(kernel: .init(path: CommandLine.arguments[1]))
        configuration.agent = .init(root: "/")
        do {
            let end = try await withMicroVM(configuration) { vm in
                try await vm.copyIn(CommandLine.arguments[2], to: "/tmp/check")
                let build = try await vm.execute(["make"], directory: "/tmp/check")
                guard build.end.code == 0 else { fail(build.errors) }
                return try await vm.withCommand(["make", "check"], directory: "/tmp/check") { command in
                    try await command.closeInput()
                    for try await piece in command.output {
                        let file: FileHandle = piece.stream == .stdout ? .standardOutput : .standardError
                        file.write(Data(piece.bytes))
                    }
                    return try await command.wait()
                }
            }
            exit(Int32(end.code ?? 128 + (end.signal ?? 0)))
        } catch {
            fail("\(error)")
        }
    }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("check: \(message)\n".utf8))
        exit(125)
    }
}
