import CLinux
import Glibc
import SystemPackage

/// A program that works for this process, killed and reaped when its owner goes.
///
/// Should this process be killed, the program goes on: it must end by itself when a descriptor that it was given
/// closes.
public struct ChildProcess: ~Copyable, Sendable {
    public enum Status: Equatable, Sendable, CustomStringConvertible {
        case exited(CInt)
        case signalled(CInt)

        /// - Parameter raw: as waitpid(2) has it, for a process that has ended.
        init(_ raw: CInt) {
            let signal = raw & 0x7F
            self = signal == 0 ? .exited(raw >> 8 & 0xFF) : .signalled(signal)
        }

        public var description: String {
            switch self {
            case .exited(let code): "exit status \(code)"
            case .signalled(let signal): "signal \(signal)"
            }
        }
    }

    public let pid: pid_t

    /// The environment variables that a program is given.
    public enum Environment: Sendable {
        case empty
        /// Those of this process.
        case inherited
    }

    /// Starts a program with default signal handling, and in a process group of its own, so that a terminal's signals
    /// come to us alone.
    ///
    /// - Parameters:
    ///   - arguments: the program, looked for in `PATH` unless it has a slash, and its arguments.
    ///   - descriptors: become the program's `first`, `first` + 1 and so on; those below are `/dev/null`, and it has no
    ///     others.
    /// - Throws: `ENOENT` when there is no such program.
    public init(
        _ arguments: [String], descriptors: [CInt], from first: Int = 2, environment: Environment = .empty
    ) throws(SystemCallError) {
        let name = arguments.first ?? ""
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }

        // Copies above every number that the program gets, or one dup2 could overwrite what the next one needs.
        var copies: [CInt] = []
        defer { for copy in copies { close(copy) } }
        for descriptor in descriptors {
            let least = CInt(clamping: first + descriptors.count)
            copies.append(try systemCall("fcntl", on: name) { fcntl(descriptor, F_DUPFD_CLOEXEC, least) })
        }
        for number in 0..<first {
            posix_spawn_file_actions_addopen(&actions, CInt(clamping: number), "/dev/null", O_RDWR, 0)
        }
        for (index, copy) in copies.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, copy, CInt(clamping: first + index))
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, CInt(clamping: first + copies.count))

        var everySignal = sigset_t()
        sigfillset(&everySignal)
        var noSignal = sigset_t()
        sigemptyset(&noSignal)
        posix_spawnattr_setsigdefault(&attributes, &everySignal)
        posix_spawnattr_setsigmask(&attributes, &noSignal)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        var pid = pid_t()
        let words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let nothing: [UnsafeMutablePointer<CChar>?] = [nil]
        let status =
            switch environment {
            case .empty: posix_spawnp(&pid, name, &actions, &attributes, words, nothing)
            case .inherited: posix_spawnp(&pid, name, &actions, &attributes, words, Glibc.environ)
            }
        guard status == 0 else { throw SystemCallError("posix_spawn", on: name, errno: Errno(rawValue: status)) }
        self.pid = pid
    }

    deinit {
        kill(pid, SIGKILL)
        _ = Self.reap(pid)
    }

    /// Kills the program unless it has ended, and tells how it ended.
    public consuming func end() -> Status {
        let pid = pid
        kill(pid, SIGKILL)
        let status = Self.reap(pid)
        discard self
        return status
    }

    /// Waits until the program ends by itself, and tells how it ended.
    public consuming func wait() -> Status {
        let status = Self.reap(pid)
        discard self
        return status
    }

    /// Tells how the program ended, which it has (`ProcessDescriptor`).
    ///
    /// - Returns: nil when somebody else was told, as by waiting for whichever child ends, or by ignoring `SIGCHLD`.
    public consuming func status() -> Status? {
        var raw: CInt = 0
        let pid = pid
        discard self
        return waitpid(pid, &raw, WNOHANG) == pid ? Status(raw) : nil
    }

    private static func reap(_ pid: pid_t) -> Status {
        var raw: CInt = 0
        while waitpid(pid, &raw, 0) == -1, errno == EINTR {}
        return Status(raw)
    }
}
