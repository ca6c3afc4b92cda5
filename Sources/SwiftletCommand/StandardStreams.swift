import Glibc
import Linux

/// stdin, stdout and stderr as whoever started this process left them.
enum StandardStreams {
    /// Puts /dev/null where one is closed: otherwise the next file to be opened would get its number, and the guest
    /// would read that file or write to it. As it is open for reading only, writes still fail.
    static func fillGaps() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            // open(2) takes the lowest number that is free.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// Keeps stdout for one writer: whatever else writes there from now on writes to stderr.
    static func takeOutput() throws(SystemCallError) -> OwnedDescriptor {
        let output = try OwnedDescriptor.duplicating(STDOUT_FILENO)
        try systemCall("dup2") { dup2(STDERR_FILENO, STDOUT_FILENO) }
        return output
    }
}
