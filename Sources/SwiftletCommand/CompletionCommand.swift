import ArgumentParser

struct CompletionCommand: ParsableCommand {
    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash, zsh, fish
    }

    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Prints a script that lets a shell complete swiftlet's command lines.",
        discussion: """
            Examples:
              source <(swiftlet completion bash)
              swiftlet completion zsh > ~/.zsh/completions/_swiftlet
              swiftlet completion fish | source

            The lines for bash and fish work for one shell, and for all of them in ~/.bashrc and \
            ~/.config/fish/config.fish; for zsh, take a directory that is in $fpath.
            """)

    @Argument(help: "The shell: bash, zsh or fish.")
    var shell: Shell

    func run() throws {
        print(Swiftlet.completionScript(for: CompletionShell(shell)))
    }
}

extension CompletionShell {
    fileprivate init(_ shell: CompletionCommand.Shell) {
        switch shell {
        case .bash: self = .bash
        case .zsh: self = .zsh
        case .fish: self = .fish
        }
    }
}
