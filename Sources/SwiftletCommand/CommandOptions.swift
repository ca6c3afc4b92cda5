import ArgumentParser
import MachineConfiguration

/// The flags of `swiftlet run` that concern the command in the guest.
struct CommandOptions: ParsableArguments {
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
            The directory that the command has as its root, under a layer which goes with the machine (default: the host's \
            own root, /).
            """, valueName: "dir"), completion: .directory)
    var root: String?

    @Option(
        help: ArgumentHelp(
            """
            The directory in the guest to run the command in (default: the present one, where it is part of the guest's \
            root, else /).
            """, valueName: "dir"))
    var workdir: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A variable of the command's environment; without a value, this process's. May be given more than once.",
            valueName: "name[=value]"),
        transform: CommandOptions.variable)
    var env: [String] = []

    @Option(
        help: ArgumentHelp("Who runs the command, as numbers of the guest's (default: 0:0).", valueName: "uid[:gid]"),
        transform: UserOption.init)
    var user: UserOption?

    @Option(
        help: ArgumentHelp(
            "The directory of the kernel's modules, or 'none' (default: beside the kernel, else /lib/modules/VERSION).",
            valueName: "dir"), completion: .directory)
    var modules: String?

    @Option(
        help: ArgumentHelp(
            "How much may be written to the root and /tmp (default: half of the memory).", valueName: "size"),
        transform: OptionValue.size)
    var diskSize: ByteSize?

    @Option(help: ArgumentHelp("How many processes and threads there may be.", valueName: "number"))
    var pids: Int?

    @Flag var terminal: TerminalChoice?

    private static func variable(_ text: String) throws -> String {
        guard let first = text.first, first != "=" else {
            throw ValidationError(
                "--env '\(text)': there is no name; give NAME=VALUE, or NAME for a variable of this process")
        }
        return text
    }

    /// The first option that was given, as the user writes it.
    private var given: String? {
        let options: [(String, Bool)] = [
            ("--root", root != nil), ("--workdir", workdir != nil), ("--env", !env.isEmpty), ("--user", user != nil),
            ("--modules", modules != nil), ("--disk-size", diskSize != nil), ("--pids", pids != nil),
            (terminal == .tty ? "--tty" : "--no-tty", terminal != nil),
        ]
        return options.first { $0.1 }?.0
    }

    /// - Throws: `ValidationError` for options that have no effect without a command.
    func refuseWithoutCommand() throws {
        guard let given else { return }
        throw ValidationError("\(given) is for a command in the guest, and there is none: add '-- COMMAND'")
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
