import Glibc
import Linux

/// The process without which a server has no client. It is watched as long as the loop is there.
final class ClientProcess {
    private(set) var hasEnded = false
    /// Nil for one that had ended before.
    private var descriptor: ProcessDescriptor?

    /// - Parameter ended: called on the loop's thread when the process ends, unless it has before.
    init(_ pid: pid_t, on loop: EventLoop, ended: @escaping () -> Void) throws(SystemCallError) {
        do throws(SystemCallError) {
            descriptor = try ProcessDescriptor(pid)
        } catch {
            guard error.errno == .noSuchProcess else { throw error }
            hasEnded = true
        }
        guard let raw = descriptor?.descriptor.rawValue else { return }
        try loop.watch(raw, for: [.readable, .edge]) { [self] _ in
            hasEnded = true
            ended()
        }
    }
}
