import System

/// The host, as connections to its ports.
struct Host {
    /// For tests: the beginning of the paths of Unix sockets to use instead of vsock.
    let path: UnsafePointer<CChar>?

    /// Begins to connect, which may take its time.
    ///
    /// - Returns: the socket, or an errno, negative.
    func connect(port: UInt32) -> CInt {
        let socket = host_socket(path == nil ? AF_VSOCK : AF_UNIX)
        guard socket >= 0 else { return -last_error() }
        let result = path.map { connect_unix(socket, $0, port) } ?? connect_vsock(socket, port)
        let error = last_error()
        if result == 0 || error == EINPROGRESS { return socket }
        close(socket)
        return -error
    }

    /// Connects, and tries again while the host does not take it.
    ///
    /// - Returns: the socket; nil when the time is up.
    func connect(port: UInt32, patience milliseconds: Int) -> CInt? {
        var waited = 0
        while true {
            let socket = connect(port: port)
            if socket >= 0 {
                var event = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
                poll(&event, 1, CInt(milliseconds))
                if socket_error(socket) == 0 { return socket }
                close(socket)
            }
            guard waited < milliseconds else { return nil }
            // A guest that has just booted waits for little; one whose host has gone, for long.
            let pause = waited < 1000 ? 5 : 100
            usleep(UInt32(pause * 1000))
            waited += pause
        }
    }
}
