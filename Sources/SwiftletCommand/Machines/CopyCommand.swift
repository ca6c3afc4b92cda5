import ArgumentParser
import Control
import ControlMessages
import Glibc
import Linux

struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp",
        abstract: "Copies files into a machine that runs, or out of it.",
        discussion: """
            Directories are copied with all that is in them, into the target where that is a directory. Links stay links. Modes \
            and times are kept; the files are root's in the guest, or the user's of --user, and here whose this process is.

            Examples:
              swiftlet cp src build:/tmp
              swiftlet cp build:/tmp/src/result.tar .
            """)

    @Option(
        help: ArgumentHelp(
            "Whose the files are in the guest, as numbers of the guest's (default: 0:0).", valueName: "uid[:gid]"),
        transform: UserOption.init)
    var user: UserOption?

    @Argument(help: ArgumentHelp("A file or directory: PATH here, or NAME:PATH in a machine.", valueName: "source"))
    var source: String

    @Argument(
        help: ArgumentHelp(
            "A directory to copy it into, or what it is to become: PATH here, or NAME:PATH in a machine.",
            valueName: "target"))
    var target: String

    /// One side of the copy.
    private enum Place {
        case here(String)
        case machine(String, path: String)

        /// A path with a colon in it is one here when a slash is before that.
        init(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, !parts[0].isEmpty, !parts[0].contains("/") {
                self = .machine(String(parts[0]), path: String(parts[1]))
            } else {
                self = .here(text)
            }
        }
    }

    func validate() throws {
        switch (Place(source), Place(target)) {
        case (.here, .here):
            throw ValidationError("neither '\(source)' nor '\(target)' is in a machine: write NAME:PATH for that")
        case (.machine, .machine):
            throw ValidationError("one of '\(source)' and '\(target)' has to be here: copy in two steps")
        case (.machine(_, let path), .here) where !path.hasPrefix("/"),
            (.here, .machine(_, let path)) where !path.hasPrefix("/"):
            throw ValidationError("'\(path)' is no path in the guest: write one that begins with '/'")
        case (.machine, .here):
            if user != nil { throw ValidationError("--user is for files that come into the guest: leave it out") }
        case (.here, .machine): break
        }
    }

    func run() throws {
        let loop = try EventLoop(name: "main")
        switch (Place(source), Place(target)) {
        case (.here(let path), .machine(let name, let target)):
            let client = try MachineLookup.connect(to: try MachineLookup.find(name), on: loop)
            let params = FSCopyIn.Params(
                source: try Self.absolute(path), target: target, uid: user?.uid ?? 0, gid: user?.gid ?? 0)
            _ = try client.answer(FSCopyIn.self, params).get()
        case (.machine(let name, let source), .here(let path)):
            let client = try MachineLookup.connect(to: try MachineLookup.find(name), on: loop)
            let params = FSCopyOut.Params(source: source, target: try Self.absolute(path))
            _ = try client.answer(FSCopyOut.self, params).get()
        default: break
        }
    }

    /// As the machine's process finds it, whose working directory is another.
    private static func absolute(_ path: String) throws -> String {
        guard !path.hasPrefix("/") else { return path }
        guard let working = getcwd(nil, 0) else {
            throw SystemCallError("getcwd", on: "the working directory", errno: currentErrno)
        }
        defer { free(working) }
        return String(cString: working) + "/" + path
    }
}
