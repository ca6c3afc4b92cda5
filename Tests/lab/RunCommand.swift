import ArgumentParser
import Foundation

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command as root on an emulated host with a real KVM.",
        discussion: """
            The exit status is the command's own, 128+n when signal n ended it, 124 when the time was up, and 125 when \
            the lab itself failed. The command's stdin is empty. It starts in the directory $LAB_FILES, has swiftlet \
            on its PATH, and what it leaves in the directory $OUT comes back with --out.
            With LAB=host in the environment it runs on this machine instead, which must have a KVM then.
            """)

    @Option(
        name: .customLong("file"), parsing: .singleValue,
        help: ArgumentHelp(
            "Copy a file or directory to GUEST, in $LAB_FILES unless GUEST is absolute.", valueName: "host:guest"))
    var files: [String] = []

    @Option(
        name: .customLong("program"), parsing: .singleValue,
        help: ArgumentHelp("Copy a program to /usr/bin, and the shared libraries it needs.", valueName: "path"))
    var programs: [String] = []

    @Option(
        help: ArgumentHelp(
            "The swiftlet program (default: the release build), or 'none'.", valueName: "path"))
    var swiftlet: String?

    @Option(help: ArgumentHelp("Where to copy what the command leaves in $OUT.", valueName: "dir"))
    var out: String?

    @Option(help: "CPUs of the lab host; with more than one, a kernel in the lab fails now and then.")
    var cpus = 1

    @Option(help: ArgumentHelp("Memory of the lab host, as in 512M or 2G.", valueName: "size"))
    var memory = MemorySize(bytes: 2 << 30)

    @Option(help: ArgumentHelp("How long all of it may take, as in 90s or 10m.", valueName: "duration"))
    var timeout = TimeSpan(seconds: 300)

    @Option(help: ArgumentHelp("How long the host may be silent before it counts as hung.", valueName: "duration"))
    var patience = TimeSpan(seconds: 60)

    @Option(
        help: ArgumentHelp(
            "The lab host's kernel, a directory made by 'lab kernel' (default: Debian's cloud kernel, downloaded once).",
            valueName: "dir"))
    var hostKernel: String?

    @Option(help: ArgumentHelp("Added to the lab host's kernel command line.", valueName: "string"))
    var hostAppend = ""

    @Option(help: ArgumentHelp("A static busybox, the lab host's user land.", valueName: "path"))
    var busybox = Busybox.standard

    @Flag(inversion: .prefixedNo, help: "Go on from a snapshot of a host that has booted, made when there is none.")
    var snapshot = true

    @Flag(name: .short, help: "The lab host's kernel console and our own timings on stderr; boots, without a snapshot.")
    var verbose = false

    @Argument(parsing: .captureForPassthrough, help: "The command and its arguments.")
    var command: [String]

    func validate() throws {
        guard 1...64 ~= cpus else { throw ValidationError("--cpus \(cpus): give a number from 1 to 64") }
        guard memory.bytes >= 256 << 20 else { throw ValidationError("--memory: the lab host needs at least 256M") }
    }

    func run() throws {
        var arguments = command
        if arguments.first == "--" { arguments.removeFirst() }
        guard !arguments.isEmpty else { throw ValidationError("name the command to run") }
        switch getenv("LAB").map({ String(cString: $0) }) {
        case nil, "": throw ExitCode(try HostRun(self, command: arguments).run())
        case "host": throw ExitCode(try DirectRun(self, command: arguments).run())
        case .some(let other): throw LabFailure("LAB=\(other): set it to 'host', or not at all")
        }
    }
}

/// A number of bytes, written as in 512M.
struct MemorySize: ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    init(bytes: Int) {
        self.bytes = bytes
    }

    init?(argument: String) {
        let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30]
        guard let unit = argument.last, let shift = shifts[unit], let count = Int(argument.dropLast()),
            1...(1 << 20) ~= count
        else { return nil }
        bytes = count << shift
    }

    var description: String { "\(bytes >> 20)M" }
}

/// A length of time, written as in 90s or 10m.
struct TimeSpan: ExpressibleByArgument, CustomStringConvertible {
    let seconds: Double

    init(seconds: Double) {
        self.seconds = seconds
    }

    init?(argument: String) {
        let units: [(suffix: String, factor: Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("", 1)]
        for unit in units where argument.hasSuffix(unit.suffix) {
            guard let count = Double(argument.dropLast(unit.suffix.count)), count > 0, count < 1e6 else { return nil }
            seconds = count * unit.factor
            return
        }
        return nil
    }

    var description: String { "\(seconds)s" }
}
