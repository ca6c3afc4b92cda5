import CLinux
import Glibc
import Linux
import Synchronization

/// The user's terminal, lent to the guest: in raw mode, so that every key and every byte of output passes
/// untouched. Output processing is off as well, since the guest's own terminal layer does it; a message of ours
/// should wait until the settings are restored, or end in CR LF.
///
/// The user's settings come back exactly once, whichever happens first: `restore()`, the end of this value,
/// exit(3), or a fatal signal of our own making. One terminal can be raw at a time.
struct Terminal: ~Copyable, Sendable {
    /// How often a process in the background looks whether the terminal is its own now, in nanoseconds.
    static let backgroundPause: UInt64 = 200_000_000

    private let descriptor: CInt

    /// - Parameter descriptor: usually stdin; stays open as long as this value.
    /// - Returns: nil where it is no terminal.
    init?(_ descriptor: CInt) {
        guard isatty(descriptor) == 1 else { return nil }
        self.descriptor = descriptor
    }

    deinit { SavedSettings.restore() }

    /// Whether other processes than this one's group have the terminal in the foreground, and only they may read and set it
    /// (tcgetpgrp(3)). One that controls no session of ours is anybody's.
    static func isOfOthers(_ descriptor: CInt) -> Bool {
        let group = tcgetpgrp(descriptor)
        return group >= 0 && group != getpgrp()
    }

    /// In characters (ioctl_tty(2), `TIOCGWINSZ`); nil where it is not known.
    func size() -> (columns: UInt16, rows: UInt16)? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return (size.ws_col, size.ws_row)
    }

    /// Turns raw mode on, unless the terminal is not ours to change: it belongs to its foreground process group, and
    /// a process in the background that changes it is stopped. To be called again when the process goes on after a stop,
    /// as a shell may have set the terminal meanwhile.
    ///
    /// - Returns: whether raw mode is on now.
    func enterRawMode() throws(SystemCallError) -> Bool {
        guard !Self.isOfOthers(descriptor) else { return false }
        var settings = termios()
        try systemCall("tcgetattr", on: "the terminal") { tcgetattr(descriptor, &settings) }
        if !SavedSettings.areWaiting { SavedSettings.save(settings, of: descriptor) }
        cfmakeraw(&settings)
        do {
            try systemCall("tcsetattr", on: "the terminal") { tcsetattr(descriptor, TCSANOW, &settings) }
        } catch {
            SavedSettings.restore()
            throw error
        }
        return true
    }

    /// Gives the user's settings back.
    func restore() {
        SavedSettings.restore()
    }

    /// Stops the process as SIGTSTP does by default, with the terminal restored. To be called when SIGTSTP was taken from
    /// a signalfd; that signal must be blocked. Returns when the process goes on: at once where it is in an orphaned group.
    func stopProcess() {
        restore()
        let stop = SignalSet([SIGTSTP])
        raise(SIGTSTP)
        stop.unblock()
        stop.block()
    }
}

/// The settings to give back, where a signal handler can reach them: memory allocated once, without locks, and
/// without the exclusivity checks that come with a stored variable.
private enum SavedSettings {
    struct Contents {
        var descriptor: CInt = -1
        var settings = termios()
        var actions = [6 of sigaction](repeating: sigaction())
    }

    /// The signals by which a fault of our own ends the process.
    static let fatalSignals = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE] as [6 of CInt]

    /// Written only while `isSaved` is false, read only by whoever makes it false.
    nonisolated(unsafe) static let contents = {
        let contents = UnsafeMutablePointer<Contents>.allocate(capacity: 1)
        contents.initialize(to: Contents())
        atexit { SavedSettings.restore() }
        return contents
    }()
    static let isSaved = Atomic(false)

    static var areWaiting: Bool { isSaved.load(ordering: .acquiring) }

    static func save(_ settings: termios, of descriptor: CInt) {
        contents.pointee.descriptor = descriptor
        contents.pointee.settings = settings
        for index in fatalSignals.indices {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { signal in SavedSettings.die(of: signal) }
            action.sa_flags = SA_ONSTACK
            sigaction(fatalSignals[index], &action, &contents.pointee.actions[index])
        }
        isSaved.store(true, ordering: .releasing)
    }

    /// Async-signal-safe, as is all that it calls.
    static func restore() {
        guard isSaved.exchange(false, ordering: .acquiringAndReleasing) else { return }
        // In the background the terminal is the shell's, with the shell's settings.
        if !Terminal.isOfOthers(contents.pointee.descriptor) {
            tcsetattr(contents.pointee.descriptor, TCSANOW, &contents.pointee.settings)
        }
        for index in fatalSignals.indices {
            sigaction(fatalSignals[index], &contents.pointee.actions[index], nil)
        }
    }

    /// The handler of the fatal signals: with the former actions back, the signal comes again as soon as this
    /// one has been handled.
    static func die(of signal: CInt) {
        restore()
        raise(signal)
    }
}
