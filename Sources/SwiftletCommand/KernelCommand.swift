import ArgumentParser
import FoundationEssentials
import Glibc
import KernelStore
import Linux

struct KernelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernel",
        abstract: "Keeps kernels, and their modules, for guests.",
        discussion: """
            They are in $XDG_DATA_HOME/swiftlet/kernels, each under its version. 'swiftlet run' without --kernel boots the \
            one with the highest version.

            Examples:
              apt-get download linux-image-6.1.0-18-cloud-amd64
              swiftlet kernel add linux-image-6.1.0-18-cloud-amd64_*.deb
              swiftlet kernel add /boot/vmlinuz-6.1.0 --modules /lib/modules/6.1.0
              swiftlet kernel list
              swiftlet kernel remove 6.1.0-18-cloud-amd64
            """,
        subcommands: [Add.self, List.self, Remove.self])

    static func store() throws -> KernelStore {
        guard let data = UserDirectories.data else {
            throw ValidationError("there is no place for kernels: set HOME or XDG_DATA_HOME to an absolute path")
        }
        return KernelStore(directory: data + "/kernels")
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a kernel, and prints its version.",
            discussion: """
                A kernel of the same version is replaced; machines that run go on with what they have.
                """)

        @Argument(
            help: ArgumentHelp(
                "The Debian packages of one kernel, or a kernel: a bzImage or an ELF vmlinux.", valueName: "file"),
            completion: .file())
        var files: [String]

        @Option(
            help: ArgumentHelp(
                "The directory of its modules, for a kernel that comes in no package.", valueName: "dir"),
            completion: .directory)
        var modules: String?

        @Option(help: ArgumentHelp("Its version, for a kernel that does not tell.", valueName: "version"))
        var name: String?

        func run() throws {
            print(try KernelCommand.store().add(files, modules: modules, name: name).name)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists all kernels, the highest version first, which is what guests boot unless told otherwise.")

        @Flag(help: "Print the list as JSON.")
        var json = false

        func run() throws {
            let kernels = try KernelCommand.store().kernels()
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                return print(String(decoding: try encoder.encode(kernels), as: UTF8.self))
            }
            for kernel in kernels {
                print("\(kernel.name)\t\(kernel.path)\t\(kernel.modules ?? "without modules")")
            }
            if kernels.isEmpty {
                standardError.write("There are no kernels yet: 'swiftlet kernel add FILE' adds one.\n")
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes kernels and their modules, or none when one of them is not there.")

        @Argument(help: ArgumentHelp("As 'swiftlet kernel list' has them.", valueName: "version"))
        var names: [String]

        func run() throws {
            try KernelCommand.store().remove(names)
        }
    }
}
