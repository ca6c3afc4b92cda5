import ArgumentParser
import ControlMessages
import Glibc

/// The flags of `swiftlet run` and `swiftlet exec` that say how a command in a guest runs.
struct ProcessOptions: ParsableArguments {
    enum TerminalChoice: EnumerableFlag {
        case tty, noTty

        static func name(for value: Self) -> NameSpecification {
            switch value {
            case .tty: [.customShort("t"), .long]
            case .noTty: [.customShort("T"), .customLong("no-tty")]
            }
        }

        static func help(for value: Self) -> ArgumentHelp? {
            switch value {
            case .tty:
                "Give the command a terminal, as it has without this where stdin and stdout are terminals."
            case .noTty: "Give it none."
            }
        }
    }

    @Option(
        help: ArgumentHelp(
            """
            The directory in the guest to run the command in (default: /, or with 'run' the present one where the guest's \
            root has it).
            """, valueName: "dir"))
    var workdir: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A variable of the command's environment; without a value, this process's. May be given more than once.",
            valueName: "name[=value]"),
        transform: ProcessOptions.variable)
    var env: [String] = []

    @Option(
        help: ArgumentHelp("Who runs the command, as numbers of the guest's (default: 0:0).", valueName: "uid[:gid]"),
        transform: UserOption.init)
    var user: UserOption?

    @Flag var terminal: TerminalChoice?

    private static func variable(_ text: String) throws -> String {
        guard let first = text.utf8.first, first != UInt8(ascii: "=") else {
            throw ValidationError(
                "--env '\(text)': there is no name; give NAME=VALUE, or NAME for a variable of this process")
        }
        return text
    }

    /// The first option that was given, as the user writes it.
    var given: String? {
        let options: [(String, Bool)] = [
            ("--workdir", workdir != nil), ("--env", !env.isEmpty), ("--user", user != nil),
            (terminal == .tty ? "--tty" : "--no-tty", terminal != nil),
        ]
        return options.first { $0.1 }?.0
    }

    /// Whether the command is to have a terminal.
    var wantsTerminal: Bool {
        switch terminal {
        case .tty: true
        case .noTty: false
        case nil: isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
        }
    }

    /// The command's environment, as `NAME=VALUE`: nothing comes by itself but what any command needs.
    var environment: [[UInt8]] {
        var variables = ExecStart.usualEnvironment(uid: user?.uid ?? 0).map { Array("\($0.key)=\($0.value)".utf8) }
        for variable in (wantsTerminal ? ["TERM"] : []) + env {
            let name = Array(variable.utf8.prefix { $0 != UInt8(ascii: "=") } + "=".utf8)
            variables.removeAll { $0.starts(with: name) }
            if name.count <= variable.utf8.count {
                variables.append(Array(variable.utf8))
            } else if let value = getenv(variable) {
                variables.append(name + UnsafeRawBufferPointer(start: value, count: strlen(value)))
            }
        }
        return variables
    }
}

/// The value of `--user`, such as `1000` or `1000:100`.
struct UserOption {
    let uid: UInt32
    let gid: UInt32

    /// - Throws: `ValidationError`.
    init(_ text: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        // The highest number stands for nobody in particular (setuid(2)).
        let numbers = parts.compactMap { UInt32($0) }.filter { $0 < .max }
        guard (1...2).contains(parts.count), numbers.count == parts.count else {
            throw ValidationError("--user '\(text)': give numbers, as in 1000 or 1000:100")
        }
        uid = numbers[0]
        gid = numbers.count > 1 ? numbers[1] : numbers[0]
    }
}
