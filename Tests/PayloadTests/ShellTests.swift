import Foundation
import Testing

/// What shells and manual readers get.
struct ShellTests {
    /// What `bash` offers for the last of these words.
    private func completions(_ words: [String]) throws -> [String] {
        let script = """
            source <("$0" completion bash)
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
            function_name=$(complete -p swiftlet | sed 's/.*-F \\([^ ]*\\).*/\\1/')
            "$function_name" swiftlet "${@: -1}" "${@: -2:1}"
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let result = try Session(
            "/bin/bash", ["-c", script, Swiftlet.program] + words, stdin: .bytes([]), stdout: .captured
        ).end()
        #expect(result.errors == "" && result.ending == .exited(0), "\(result.errors)")
        return result.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    @Test(
        arguments: [
            (["swiftlet", ""], ["completion", "doctor", "help", "run", "schema", "serve"]),
            (["swiftlet", "comp"], ["completion"]), (["swiftlet", "completion", ""], ["bash", "fish", "zsh"]),
            (["swiftlet", "run", "--transp"], ["--transport"]),
            (["swiftlet", "run", "--transport", ""], ["mmio", "pci"]),
            (["swiftlet", "serve", "--on-disconnect", "k"], ["kill"]),
        ] as [([String], [String])])
    func bashCompletesWords(words: [String], expected: [String]) throws {
        #expect(Set(expected).isSubset(of: try completions(words)))
    }

    @Test(arguments: ["zsh", "fish"])
    func otherShellsHaveScriptsAsWell(shell: String) throws {
        let result = try Swiftlet.run(["completion", shell])
        #expect(result.ending == .exited(0))
        for word in ["swiftlet", "completion", "transport"] { #expect(result.output.contains(word)) }
    }

    /// A page that `make man` has left, which is of this program, and in which the formatter finds nothing wrong.
    @Test func theManualIsWhole() throws {
        let result = try Session(
            "/usr/bin/groff", ["-mandoc", "-Tascii", "-ww", try Swiftlet.manual()], stdin: .bytes([]), stdout: .captured
        ).end()
        #expect(result.errors == "")
        #expect(result.ending == .exited(0))
        // Overstruck characters make bold ones and underlined ones.
        let text = result.output.replacing(/.\u{8}/, with: "")
        let help = try Swiftlet.run(["--help"]).output
        for verb in ["run", "serve", "doctor", "schema", "completion"] {
            #expect(help.contains("  \(verb) "))
            let options = try Swiftlet.run([verb, "--help"]).output.matches(of: /--[a-z-]+/).map { String($0.output) }
            for option in options { #expect(text.contains(option), "\(option) of \(verb): run 'make man'") }
        }
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS"] { #expect(text.contains("\n\(section)\n")) }
        #expect(text.contains("125 is a failure of Swiftlet itself"))
    }
}
