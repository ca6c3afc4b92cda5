import Foundation
import Testing

@testable import Swiftlet

/// Where the program is looked for.
struct ServerProgramTests {
    /// A directory with a program `swiftlet`, or without.
    private final class Directory {
        let path = FileManager.default.temporaryDirectory.appending(path: "swiftlet-\(UUID().uuidString)").path
        var program: String { "\(path)/swiftlet" }

        init(mode: mode_t?) throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            guard let mode else { return }
            try Data().write(to: URL(fileURLWithPath: program))
            chmod(program, mode)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func find(beside own: Directory?, _ environment: [String: String]) -> Result<String, MicroVMError> {
        Result { () throws(MicroVMError) in
            try ServerProgram.find(beside: own?.path) { environment[$0] }.path
        }
    }

    @Test func theEnvironmentComesFirstThenTheOwnDirectoryThenPATH() throws {
        let (named, own, first, second) = (
            try Directory(mode: 0o755), try Directory(mode: 0o755), try Directory(mode: nil), try Directory(mode: 0o755)
        )
        let path = "\(first.path):\(second.path)"
        #expect(find(beside: own, ["SWIFTLET_BINARY": named.program, "PATH": path]) == .success(named.program))
        #expect(find(beside: own, ["PATH": path]) == .success(own.program))
        #expect(find(beside: own, ["SWIFTLET_BINARY": "", "PATH": path]) == .success(own.program))
        #expect(find(beside: first, ["PATH": path]) == .success(second.program))
        #expect(find(beside: nil, ["PATH": path]) == .success(second.program))
    }

    @Test func theErrorSaysWhatWasTriedAndWhatToDo() throws {
        let (own, other) = (try Directory(mode: 0o644), try Directory(mode: nil))
        guard case .failure(let error) = find(beside: own, ["PATH": other.path]) else {
            Issue.record("a program was found")
            return
        }
        for word in ["SWIFTLET_BINARY is not set", own.path, other.path, "make build"] {
            #expect(error.description.contains(word), "\(error)")
        }
        // What the environment names is taken at its word.
        let working = try Directory(mode: 0o755)
        for name in [own.program, working.path, "/nonexistent"] {
            guard case .failure(let error) = find(beside: working, ["SWIFTLET_BINARY": name]) else {
                Issue.record("\(name) was found")
                return
            }
            #expect(error.description.contains("SWIFTLET_BINARY names \(name)"))
        }
    }
}
