import ArgumentParser
import Glibc

@main
enum Main {
    /// Runs the verb on the command line. What was asked for goes to stdout; whatever fails ends in one message
    /// on stderr and `ExitStatus.failure`.
    static func main() {
        do {
            var command = try parse()
            try command.run()
        } catch let status as ExitCode {
            exit(status.rawValue)
        } catch {
            fail("swiftlet: \(error)")
        }
    }

    private static func parse() throws -> any ParsableCommand {
        do {
            return try Swiftlet.parseAsRoot()
        } catch {
            let message = Swiftlet.fullMessage(for: error)
            guard Swiftlet.exitCode(for: error).isSuccess else { fail(message) }
            print(message)
            throw ExitCode.success
        }
    }

    private static func fail(_ message: String) -> Never {
        standardError.write(message + "\n")
        exit(ExitStatus.failure.rawValue)
    }
}
