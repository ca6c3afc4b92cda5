import CLinux
import Glibc
import Linux
import Testing

/// A session with a pseudo-terminal of its own. The process that makes it must lead no process group yet.
struct TerminalSession {
    private let terminal: CInt

    /// Makes the calling process the leader of a new session, with the terminal as its stdin.
    init() throws {
        var primary: CInt = -1
        var secondary: CInt = -1
        try systemCall("openpty") { openpty(&primary, &secondary, nil, nil, nil) }
        try systemCall("setsid") { setsid() }
        try systemCall("ioctl(TIOCSCTTY)") { ioctl(secondary, UInt(TIOCSCTTY), 0) }
        try systemCall("dup2") { dup2(secondary, STDIN_FILENO) }
        terminal = secondary
    }

    func expect(raw: Bool, _ what: String) throws {
        var settings = termios()
        try systemCall("tcgetattr") { tcgetattr(terminal, &settings) }
        let local = settings.c_lflag & tcflag_t(ICANON | ECHO | ISIG)
        let output = settings.c_oflag & tcflag_t(OPOST)
        try require(
            raw ? local == 0 && output == 0 : local == tcflag_t(ICANON | ECHO | ISIG) && output != 0,
            "the terminal is \(raw ? "raw" : "as the user had it") \(what)")
    }

    /// Gives an exit test's process up, with a word to its parent, unless the condition holds.
    func require(_ condition: Bool, _ what: Comment) throws {
        try #require(condition, what)
    }

    /// A process in the session, killed if it outlives this value.
    struct Child: ~Copyable {
        let id: pid_t
        private var isGone = false

        /// Runs `body` in a new process and process group, as a shell does. It exits with 0 after that.
        init(inForeground: Bool = true, _ body: () throws -> Void) throws {
            // Swift hides fork(2), as only the calling thread lives on in the child; here that suffices.
            let symbol = try #require(dlsym(nil, "fork"))
            let fork = unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)
            id = try systemCall("fork") { fork() }
            guard id == 0 else { return }
            setpgid(0, 0)
            if inForeground {
                signal(SIGTTOU, SIG_IGN)
                tcsetpgrp(STDIN_FILENO, getpid())
            }
            for number in 1..<SIGSYS { signal(number, SIG_DFL) }
            do { try body() } catch { _exit(101) }
            _exit(0)
        }

        deinit {
            // In the child itself, this value is of no more use and ends at once.
            guard id > 0, !isGone else { return }
            kill(id, SIGKILL)
            waitpid(id, nil, 0)
        }

        /// Waits until the child stops or ends.
        ///
        /// - Returns: its status as waitpid(2) has it; -1 when there is none.
        mutating func wait() -> CInt {
            var status: CInt = -1
            waitpid(id, &status, WUNTRACED)
            isGone = status & 0xff != 0x7f
            return status
        }

        func proceed() {
            kill(id, SIGCONT)
        }
    }
}
