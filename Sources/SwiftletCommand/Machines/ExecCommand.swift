import ArgumentParser
import ControlMessages
import Linux
import RuntimeDirectory

struct ExecCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Runs a command in a machine that runs already.",
        discussion: """
            As 'swiftlet run' with a command does, but in the machine of another 'swiftlet run -- COMMAND', beside that: stdin, \
            stdout, stderr, signals and the exit status are the command's. It ends with the machine, and when this process \
            does. A third SIGINT within two seconds leaves it, and so does Ctrl-] then q on a terminal.

            Examples:
              swiftlet exec build -- ps aux
              swiftlet exec -t build -- sh
              swiftlet exec --user 1000 --workdir /src build -- make check
            """)

    struct Options: ParsableArguments {
        @OptionGroup var process: ProcessOptions

        @Option(
            help: ArgumentHelp("Kill the command after this time, such as 90s or 10m.", valueName: "duration"),
            transform: OptionValue.timeSpan)
        var timeout: TimeSpan?

        @Option(
            help: ArgumentHelp(
                "A file to write one line of JSON to at the end, as that of 'swiftlet run'.", valueName: "file"),
            completion: .file())
        var statusFile: String?
    }

    @OptionGroup var options: Options

    @Argument(help: ArgumentHelp("As 'swiftlet ps' has it.", valueName: "name"))
    var name: String

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The command, and its arguments.", valueName: "command"))
    var command: [String] = []

    func validate() throws {
        guard !words.isEmpty else { throw ValidationError("there is no command: add '-- COMMAND'") }
    }

    private var words: [String] { command.first == "--" ? Array(command.dropFirst()) : command }

    func run() throws {
        let status = try StatusFile.telling(options.statusFile, command: words[0]) {
            let machine = try MachineLookup.find(name)
            return (try ExecRun(options, words: words, machine).run(), boot: nil)
        }
        throw ExitCode(status)
    }
}
