import ArgumentParser
import Glibc
import Linux

@main
enum Main {
    /// Runs the verb on the command line. What was asked for goes to stdout; whatever fails ends in one message
    /// on stderr and `ExitStatus.failure`.
    static func main() {
        StandardStreams.fillGaps()
        do {
            var command = try parse()
            // What shows help is a command as well, and shows it by throwing it.
            try CommandLine.requireText(exceptLast: (command as? RunCommand)?.words.count ?? 0)
            try command.run()
            end(0)
        } catch let status as ExitCode {
            end(status.rawValue)
        } catch  where Swiftlet.exitCode(for: error).isSuccess {
            print(Swiftlet.fullMessage(for: error))
            end(0)
        } catch {
            fail("swiftlet: \(error)")
        }
    }

    private static func parse() throws -> any ParsableCommand {
        do {
            return try Swiftlet.parseAsRoot()
        } catch {
            guard Swiftlet.exitCode(for: error).isSuccess else { fail(Swiftlet.fullMessage(for: error)) }
            throw error
        }
    }

    /// Ends the process, once what was printed is written.
    private static func end(_ status: Int32) -> Never {
        guard fflush(nil) == 0 else { fail("swiftlet: stdout: \(currentErrno)") }
        exit(status)
    }

    private static func fail(_ message: String) -> Never {
        standardError.write(message + "\n")
        exit(ExitStatus.failure.rawValue)
    }
}
