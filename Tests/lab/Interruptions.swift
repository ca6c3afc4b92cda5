import CLinux
import Glibc
import Linux

/// The signals by which we are told to end, read rather than suffered, so that nothing is left behind.
final class Interruptions {
    private let signals: SignalDescriptor

    /// - Parameter more: signals to be read besides.
    init(and more: [CInt] = []) throws {
        let set = SignalSet([SIGINT, SIGTERM, SIGHUP, SIGQUIT] + more)
        set.block()
        signals = try SignalDescriptor(set)
        // A closed output is noticed where it is written.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Readable when a signal came.
    var descriptor: CInt { signals.descriptor.rawValue }

    func next() -> CInt? { signals.next() }
}
