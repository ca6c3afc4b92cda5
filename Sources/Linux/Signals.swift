import CLinux

/// A set of signal numbers (sigsetops(3)).
public struct SignalSet: Sendable {
    public private(set) var mask = sigset_t()

    public init(_ signals: [CInt]) {
        sigemptyset(&mask)
        for signal in signals { sigaddset(&mask, signal) }
    }

    /// Blocks these signals in the calling thread and in the threads it starts from then on.
    public func block() {
        withUnsafePointer(to: mask) { _ = pthread_sigmask(SIG_BLOCK, $0, nil) }
    }

    public func unblock() {
        withUnsafePointer(to: mask) { _ = pthread_sigmask(SIG_UNBLOCK, $0, nil) }
    }
}

/// A signalfd(2): blocked signals, read one at a time.
public struct SignalDescriptor: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor

    /// - Parameter signals: must be blocked in every thread, or their default action happens instead.
    public init(_ signals: SignalSet) throws(SystemCallError) {
        let raw = try systemCall("signalfd") {
            withUnsafePointer(to: signals.mask) {
                signalfd(-1, $0, CInt(SFD_CLOEXEC | SFD_NONBLOCK))
            }
        }
        descriptor = OwnedDescriptor(adopting: raw)
    }

    /// The next pending signal's number; nil when none is pending.
    public func next() -> CInt? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        return read(descriptor.rawValue, &info, size) == size ? CInt(info.ssi_signo) : nil
    }
}
