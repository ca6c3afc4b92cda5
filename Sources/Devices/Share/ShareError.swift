import Linux

/// Why a directory cannot be shared.
public struct ShareError: Error, Equatable, CustomStringConvertible {
    public enum Problem: Error, Equatable {
        case system(SystemCallError)
        /// It is on a proc file system.
        case proc
        /// `/proc` is not there.
        case noProc
        /// The host's kernel is older than 5.6.
        case oldKernel
    }

    public let path: String
    public let problem: Problem

    public var description: String {
        switch problem {
        case .system(let error) where error.errno == .noSuchFileOrDirectory:
            "\(path): there is no such directory to share; make one with 'mkdir \(path)'"
        case .system(let error) where error.errno == .notDirectory:
            "\(path): is no directory; only directories can be shared"
        case .system(let error) where error.errno == .permissionDenied:
            "\(path): not permitted to read it; check its mode with 'ls -ld', and that of the directories that it is in"
        case .system(let error): "\(path): cannot be shared (\(error.call): \(error.errno))"
        case .proc:
            "\(path): is in a proc file system, by which a guest could reach into the host's processes; share another one"
        case .noProc: "\(path): cannot be shared without /proc; mount it with 'mount -t proc proc /proc'"
        case .oldKernel:
            "\(path): cannot be shared safely, as the host's kernel has no openat2(2); use Linux 5.6 or newer"
        }
    }
}
