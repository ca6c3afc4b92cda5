import CLinux
import Glibc
import Linux

/// What connects this process with a `swiftlet serve`, before that is started.
struct ServerPipes: ~Copyable {
    /// Where the program finds the console's pipe.
    static let consoleNumber = 3

    /// Both ends of what is the program's stdin and stdout.
    let socket: OwnedDescriptor
    let programSocket: OwnedDescriptor
    /// Both ends of what the console prints to.
    let console: OwnedDescriptor
    let programConsole: OwnedDescriptor

    init() throws(SystemCallError) {
        let sockets = try Self.pair("socketpair") {
            socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, $0)
        }
        let socket = OwnedDescriptor(adopting: sockets.0)
        let programSocket = OwnedDescriptor(adopting: sockets.1)
        let pipe = try Self.pair("pipe2") { pipe2($0, O_CLOEXEC) }
        let console = OwnedDescriptor(adopting: pipe.0)
        let programConsole = OwnedDescriptor(adopting: pipe.1)
        // The program's ends stay as programs expect them.
        for descriptor in [socket.rawValue, console.rawValue] {
            try systemCall("fcntl(F_SETFL)") { fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) }
        }
        self.socket = socket
        self.programSocket = programSocket
        self.console = console
        self.programConsole = programConsole
    }

    private static func pair(
        _ call: String, _ make: (UnsafeMutablePointer<CInt>) -> CInt
    ) throws(SystemCallError) -> (CInt, CInt) {
        var pair: [CInt] = [-1, -1]
        try systemCall(call) { make(&pair) }
        return (pair[0], pair[1])
    }
}
