import ArgumentParser
import MachineConfiguration

/// The flags of `swiftlet run` that concern the command in the guest.
struct CommandOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            What the command has as its root, under a layer which goes with the machine: a directory, an image of an ext4, \
            squashfs or erofs file system, or a tar archive (default: the host's own root, /).
            """, valueName: "path"), completion: .file())
    var root: String?

    @Option(
        help: ArgumentHelp(
            """
            A file for what is written to the root, which the next run that is given it goes on with; it is made where \
            there is none, by mke2fs.
            """, valueName: "file"), completion: .file())
    var keep: String?

    @OptionGroup var process: ProcessOptions

    @Option(
        help: ArgumentHelp(
            "The directory of the kernel's modules, or 'none' (default: beside the kernel, else /lib/modules/VERSION).",
            valueName: "dir"), completion: .directory)
    var modules: String?

    @Option(
        help: ArgumentHelp(
            """
            How much may be written to the root and /tmp (default: half of the memory), or the size of a new file of --keep \
            (default: 16G).
            """, valueName: "size"),
        transform: OptionValue.size)
    var diskSize: ByteSize?

    @Option(help: ArgumentHelp("How many processes and threads there may be.", valueName: "number"))
    var pids: Int?

    /// The first option that was given, as the user writes it.
    private var given: String? {
        let options: [(String, Bool)] = [
            ("--root", root != nil), ("--keep", keep != nil), ("--modules", modules != nil),
            ("--disk-size", diskSize != nil), ("--pids", pids != nil),
        ]
        return options.first { $0.1 }?.0 ?? process.given
    }

    /// - Throws: `ValidationError` for options that have no effect without a command.
    func refuseWithoutCommand() throws {
        guard let given else { return }
        throw ValidationError("\(given) is for a command in the guest, and there is none: add '-- COMMAND'")
    }
}
