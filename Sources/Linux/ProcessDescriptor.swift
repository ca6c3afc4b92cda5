import CLinux

/// A process as a descriptor (pidfd_open(2)): readable once the process has ended, with all its threads. Unlike its number,
/// it never comes to stand for another process.
public struct ProcessDescriptor: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor

    /// - Throws: `ESRCH` when there is no such process.
    public init(_ pid: pid_t) throws(SystemCallError) {
        let raw = try systemCall("pidfd_open", on: "process \(pid)") { pidfd_open(pid, 0) }
        descriptor = OwnedDescriptor(adopting: raw)
    }

    /// Sends a signal, which is without effect once the process has ended.
    public func send(signal: CInt) {
        pidfd_send_signal(descriptor.rawValue, signal, nil, 0)
    }
}
