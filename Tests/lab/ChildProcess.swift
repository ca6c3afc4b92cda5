import Glibc
import Linux

/// A program that we started: it ends at the latest when this process does, however that ends.
final class ChildProcess {
    let name: String
    let pid: pid_t
    private var status: Status?

    enum Status: Equatable, CustomStringConvertible {
        case exited(CInt)
        case signalled(CInt)

        /// - Parameter raw: as waitpid(2) has it, for a process that has ended.
        init(_ raw: CInt) {
            let signal = raw & 0x7f
            self = signal == 0 ? .exited((raw >> 8) & 0xff) : .signalled(signal)
        }

        /// As a shell's `$?` has it.
        var shellStatus: CInt {
            switch self {
            case .exited(let code): code
            case .signalled(let signal): 128 + signal
            }
        }

        var description: String {
            switch self {
            case .exited(let code): "exit status \(code)"
            case .signalled(let signal): "signal \(signal)"
            }
        }
    }

    /// Starts a program in a process group of its own, so that a terminal's signals come to us alone.
    ///
    /// To be called on the main thread: the program is killed when the thread that started it ends (prctl(2),
    /// `PR_SET_PDEATHSIG`), which `setpriv` arranges.
    ///
    /// - Parameters:
    ///   - arguments: the program and its arguments; a name without slash is looked for as `executable(_:)` does.
    ///   - package: Debian's package that has the program, for a message.
    ///   - descriptors: from the child's number to ours; what is not named of 0, 1 and 2 is `/dev/null`.
    ///   - environment: replaces ours.
    init(
        _ arguments: [String], package: String, descriptors: [CInt: CInt] = [:], environment: [String]? = nil
    ) throws {
        name = arguments.first ?? ""
        let setpriv = try Self.executable("setpriv", package: "util-linux")
        let program = try Self.executable(name, package: package)
        let all = [setpriv, "--pdeathsig", "KILL", "--", program] + arguments.dropFirst()

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }

        // Copies above every number that a child asks for, or one dup2 could overwrite what the next one needs.
        var copies: [CInt] = []
        defer { for copy in copies { close(copy) } }
        for (number, ours) in descriptors {
            let copy = try systemCall("fcntl", on: name) { fcntl(ours, F_DUPFD_CLOEXEC, 100) }
            copies.append(copy)
            posix_spawn_file_actions_adddup2(&actions, copy, number)
        }
        for number in CInt(0)...2 where descriptors[number] == nil {
            posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
        }

        var noSignal = sigset_t()
        sigemptyset(&noSignal)
        var everySignal = sigset_t()
        sigfillset(&everySignal)
        posix_spawnattr_setsigmask(&attributes, &noSignal)
        posix_spawnattr_setsigdefault(&attributes, &everySignal)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        var pid = pid_t()
        let error = withCStrings(all) { arguments in
            if let environment {
                return withCStrings(environment) { posix_spawn(&pid, setpriv, &actions, &attributes, arguments, $0) }
            }
            return posix_spawn(&pid, setpriv, &actions, &attributes, arguments, environ)
        }
        guard error == 0 else { throw SystemCallError("posix_spawn", on: program, errno: .init(rawValue: error)) }
        self.pid = pid
    }

    deinit { kill() }

    /// Kills the program and all of its process group, and waits for its end.
    func kill() {
        guard status == nil else { return }
        Glibc.kill(-pid, SIGKILL)
        Glibc.kill(pid, SIGKILL)
        wait()
    }

    @discardableResult
    func wait() -> Status {
        if let status { return status }
        var raw: CInt = 0
        while waitpid(pid, &raw, 0) == -1, errno == EINTR {}
        let status = Status(raw)
        self.status = status
        return status
    }

    /// - Returns: nil while the program runs.
    func statusIfEnded() -> Status? {
        guard status == nil else { return status }
        var raw: CInt = 0
        guard waitpid(pid, &raw, WNOHANG) == pid else { return nil }
        status = Status(raw)
        return status
    }

    /// Runs a program to its end and returns what it wrote.
    ///
    /// - Throws: `LabFailure` with what it wrote to stderr, when it fails.
    @discardableResult
    static func output(
        of arguments: [String], package: String, descriptors: [CInt: CInt] = [:]
    ) throws -> String {
        let output = try TemporaryFile(named: "output")
        let errors = try TemporaryFile(named: "errors")
        let all = descriptors.merging([1: output.descriptor, 2: errors.descriptor]) { $1 }
        let child = try ChildProcess(arguments, package: package, descriptors: all)
        let status = child.wait()
        guard status == .exited(0) else {
            let message = String(decoding: try errors.contents(), as: UTF8.self).trimmed
            throw LabFailure("'\(arguments.joined(separator: " "))' failed (\(status)): \(message)")
        }
        return String(decoding: try output.contents(), as: UTF8.self)
    }

    /// Where a program is: as `PATH` says, or among those for administrators, which a user's `PATH` leaves out.
    static func executable(_ name: String, package: String) throws -> String {
        if name.contains("/") { return name }
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        for directory in path.split(separator: ":") + ["/usr/bin", "/usr/sbin", "/bin", "/sbin"] {
            let candidate = "\(directory)/\(name)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw LabFailure("there is no program '\(name)' here; install Debian's package '\(package)'")
    }
}

/// Calls `body` with an array of C strings that ends with nil, as exec(3) takes its arguments.
private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let pointers = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers + [nil])
}
