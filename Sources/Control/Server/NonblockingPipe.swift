import CLinux
import Linux

/// A pipe(7) within this process, neither of whose ends waits.
struct NonblockingPipe: ~Copyable {
    let reading: OwnedDescriptor
    let writing: OwnedDescriptor

    init() throws(SystemCallError) {
        var ends: [CInt] = [-1, -1]
        try systemCall("pipe2") { pipe2(&ends, O_CLOEXEC | O_NONBLOCK) }
        reading = OwnedDescriptor(adopting: ends[0])
        writing = OwnedDescriptor(adopting: ends[1])
    }
}
