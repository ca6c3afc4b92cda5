import Foundation
import Glibc
import Linux

/// A command's run on this machine itself, for one that has a real KVM.
struct DirectRun {
    private let options: RunCommand
    private let command: [String]

    init(_ options: RunCommand, command: [String]) {
        self.options = options
        self.command = command
    }

    /// - Returns: the exit status for us.
    func run() throws -> CInt {
        let end = monotonicNanoseconds() + UInt64(options.timeout.seconds * 1e9)
        let interruptions = try Interruptions(and: [SIGCHLD])
        let scratch = try ScratchDirectory(in: .standard())
        let environment = try prepare(scratch.path)
        let program = try ChildProcess(
            // The shell finds the command on the new PATH, and says so when it does not.
            ["sh", "-c", "cd \"$LAB_FILES\" && exec \"$@\"", "lab"] + command, package: "dash",
            descriptors: [1: STDOUT_FILENO, 2: STDERR_FILENO], environment: environment)
        // What the command left running, as on the emulated host.
        defer { kill(-program.pid, SIGKILL) }

        while true {
            if let status = program.statusIfEnded() { return status.shellStatus }
            let now = monotonicNanoseconds()
            if now >= end {
                program.kill()
                return 124
            }
            var wait = pollfd(fd: interruptions.descriptor, events: Int16(POLLIN), revents: 0)
            try systemCall("poll") { poll(&wait, 1, CInt(clamping: (end - now) / 1_000_000 + 1)) }
            if let signal = interruptions.next(), signal != SIGCHLD {
                program.kill()
                return 128 + signal
            }
        }
    }

    /// Puts the command's files and programs into `directory`.
    ///
    /// - Returns: the command's environment.
    private func prepare(_ directory: String) throws -> [String] {
        let files = "\(directory)/lab"
        let programs = "\(directory)/bin"
        for path in [files, programs] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        for text in options.files {
            let file = try SuppliedFile(parsing: text)
            guard !file.isAbsolute else {
                throw LabFailure(
                    "--file \(text): with LAB=host, files can only be put below $LAB_FILES; give a relative GUEST")
            }
            try file.copy(below: files)
        }
        var links = options.programs.map { (name: ($0 as NSString).lastPathComponent, path: $0) }
        if let swiftlet = try SwiftletProgram.path(options.swiftlet) { links.append(("swiftlet", swiftlet)) }
        for link in links {
            let target = try realPath(link.path)
            try systemCall("symlink", on: link.name) { symlink(target, "\(programs)/\(link.name)") }
        }

        let out = options.out.map { URL(fileURLWithPath: $0).path } ?? "\(directory)/out"
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = "\(programs):\(environment["PATH"] ?? "/usr/bin:/bin")"
        environment["LAB_FILES"] = files
        environment["OUT"] = out
        return environment.map { "\($0.key)=\($0.value)" }
    }
}
