import CLinux
import Linux

/// A pipe(7) within this process, neither of whose ends waits.
struct NonblockingPipe: ~Copyable {
    private let readingEnd: OwnedDescriptor
    /// nil once there is nothing more to come.
    private var writingEnd: OwnedDescriptor?

    init() throws(SystemCallError) {
        var ends: [CInt] = [-1, -1]
        try systemCall("pipe2") { pipe2(&ends, O_CLOEXEC | O_NONBLOCK) }
        readingEnd = OwnedDescriptor(adopting: ends[0])
        writingEnd = OwnedDescriptor(adopting: ends[1])
    }

    var reading: CInt { readingEnd.rawValue }
    /// nil once it is closed.
    var writing: CInt? {
        switch writingEnd {
        case .some(let end): end.rawValue
        case .none: nil
        }
    }

    /// Lets the reader come to the end.
    mutating func closeWriting() {
        writingEnd = nil
    }
}
