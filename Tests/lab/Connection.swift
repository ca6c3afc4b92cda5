import Glibc
import Linux

/// Two ends of a connection (socketpair(2)), closed with this object if not before.
final class Connection {
    private var ends: (ours: CInt, theirs: CInt) = (-1, -1)

    init() throws {
        var pair: [CInt] = [-1, -1]
        try systemCall("socketpair") {
            socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &pair)
        }
        ends = (pair[0], pair[1])
    }

    deinit {
        closeOurs()
        closeTheirs()
    }

    /// Our end's descriptor; -1 once closed.
    var ours: CInt { ends.ours }
    /// The descriptor of the end for another process; -1 once closed.
    var theirs: CInt { ends.theirs }

    func closeOurs() {
        if ours >= 0 { close(ours) }
        ends.ours = -1
    }

    /// To be called once the other process has its copy: only then does the end of that process show on our side.
    func closeTheirs() {
        if theirs >= 0 { close(theirs) }
        ends.theirs = -1
    }
}
