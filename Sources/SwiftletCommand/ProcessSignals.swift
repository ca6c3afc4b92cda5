import Glibc
import Linux

/// What signals mean to this process.
enum ProcessSignals {
    private static let ending = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

    /// Lets a write beyond the limit on files' sizes fail, which whoever writes can tell, instead of killing.
    static func ignoreFileSizeLimit() {
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Blocks the signals that `Supervisor` serves, and lets writes to a closed pipe fail instead of killing.
    /// Signals that whoever started this process wants ignored, as `nohup` does, stay ignored.
    static func takeOver() -> SignalSet {
        takeOver(ending)
    }

    /// The same for `CommandSupervisor`, which hands them on to the command.
    static func takeOverForCommand() -> SignalSet {
        // In the background, reading the terminal then fails, and does not stop the process.
        signal(SIGTTIN, SIG_IGN)
        return takeOver(ending + [SIGUSR1, SIGUSR2])
    }

    private static func takeOver(_ signals: [CInt]) -> SignalSet {
        signal(SIGPIPE, SIG_IGN)
        let set = SignalSet((signals + [SIGTSTP]).filter { !isIgnored($0) } + [SIGCONT, SIGWINCH])
        set.block()
        return set
    }

    private static func isIgnored(_ number: CInt) -> Bool {
        var action = sigaction()
        sigaction(number, nil, &action)
        let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self)
        return handler == unsafeBitCast(SIG_IGN, to: UInt.self)
    }

    /// Ends this process the way `number` does by default, so that whoever waits for it sees that signal.
    static func die(of number: CInt) -> Never {
        signal(number, SIG_DFL)
        SignalSet([number]).unblock()
        raise(number)
        exit(128 + number)
    }
}
