import Glibc
import Linux

/// A descriptor that we write to without ever waiting in it.
struct OutputDescriptor {
    let descriptor: CInt
    private var pending: [UInt8] = []
    private var start = 0
    /// Nobody reads any more (`EPIPE`).
    private(set) var isClosed = false

    /// What a pipe that is ready takes without waiting (pipe(7), `PIPE_BUF`).
    private static let portion = 4096

    init(_ descriptor: CInt) {
        self.descriptor = descriptor
    }

    var isEmpty: Bool { start == pending.count || isClosed }

    mutating func append(_ bytes: [UInt8]) {
        if isEmpty {
            pending = bytes
            start = 0
        } else {
            pending += bytes
        }
    }

    /// Writes while the descriptor takes it.
    mutating func flush() throws {
        while !isEmpty {
            var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&ready, 1, 0) == 1 else { return }
            let written = pending[start...].prefix(Self.portion).withUnsafeBytes {
                write(descriptor, $0.baseAddress, $0.count)
            }
            if written >= 0 {
                start += written
            } else if errno == EPIPE {
                isClosed = true
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                throw SystemCallError("write", on: "output", errno: currentErrno)
            }
        }
    }
}
