import CLinux
import Glibc
import Linux
import Testing

/// A session with a pseudo-terminal of its own. The process that makes it must lead no process group yet.
struct TerminalSession {
    private let terminal: CInt
    /// Where its user is.
    private let primary: CInt

    /// Makes the calling process the leader of a new session, with the terminal as its stdin.
    init() throws {
        var primary: CInt = -1
        var secondary: CInt = -1
        try systemCall("openpty") { openpty(&primary, &secondary, nil, nil, nil) }
        try systemCall("setsid") { setsid() }
        try systemCall("ioctl(TIOCSCTTY)") { ioctl(secondary, UInt(TIOCSCTTY), 0) }
        try systemCall("dup2") { dup2(secondary, STDIN_FILENO) }
        terminal = secondary
        self.primary = primary
    }

    func type(_ keys: StaticString) throws {
        let count = try systemCall("write") { write(primary, keys.utf8Start, keys.utf8CodeUnitCount) }
        try require(count == keys.utf8CodeUnitCount, "the terminal takes \(keys)")
    }

    /// Puts the child in the foreground, and tells it nothing.
    func putInForeground(_ child: borrowing Child) throws {
        try systemCall("tcsetpgrp") { tcsetpgrp(terminal, child.id) }
    }

    /// Gives the terminal a user's settings, as a shell does when what it has started is stopped.
    func makeUsual() throws {
        var settings = termios()
        try systemCall("tcgetattr") { tcgetattr(terminal, &settings) }
        settings.c_lflag |= tcflag_t(ICANON | ECHO | ISIG)
        settings.c_oflag |= tcflag_t(OPOST)
        // This process is in the background at that time.
        signal(SIGTTOU, SIG_IGN)
        try systemCall("tcsetattr") { tcsetattr(terminal, TCSANOW, &settings) }
    }

    private func isRaw() throws -> Bool? {
        var settings = termios()
        try systemCall("tcgetattr") { tcgetattr(terminal, &settings) }
        switch (settings.c_lflag & tcflag_t(ICANON | ECHO | ISIG), settings.c_oflag & tcflag_t(OPOST)) {
        case (0, 0): return true
        case (tcflag_t(ICANON | ECHO | ISIG), tcflag_t(OPOST)): return false
        default: return nil
        }
    }

    func awaitRawMode() throws {
        for _ in 0..<1000 {
            if try isRaw() == true { return }
            usleep(10_000)
        }
        try require(false, "the terminal becomes raw")
    }

    func expect(raw: Bool, _ what: String) throws {
        try require(
            try isRaw() == raw,
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
