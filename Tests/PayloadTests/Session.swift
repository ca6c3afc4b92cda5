import CLinux
import Foundation
import Linux
import Testing

/// A running program. Whatever becomes of the test, the program does not outlive this object.
final class Session {
    enum Input {
        /// A pipe with these bytes, which then ends.
        case bytes([UInt8])
        /// A pipe that stays open, to be written to with `write`.
        case open
        case file(String)
        case closed
        /// A terminal, which becomes the program's own; also its stdout.
        case terminal(PseudoTerminal)
    }

    enum Output {
        case captured
        /// A file, which is there already.
        case file(String)
        case closed
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let process: pid_t
    private(set) var stdout: [UInt8] = []
    private(set) var stderr: [UInt8] = []

    private let start = monotonicNanoseconds()
    private var input: OwnedDescriptor?
    private var unwritten: ArraySlice<UInt8> = []
    private let endsInput: Bool
    private var output: OwnedDescriptor?
    private var errors: OwnedDescriptor?
    private var ending: Swiftlet.Ending?

    /// Starts `program` in a session of its own, with all signals at their defaults.
    init(_ program: String, _ arguments: [String], stdin: Input, stdout: Output) throws {
        // A program that ends before it has read its input is no reason for the tests to end.
        signal(SIGPIPE, SIG_IGN)
        let launch = Launch()
        switch stdin {
        case .bytes(let bytes):
            input = try launch.pipe(to: STDIN_FILENO)
            unwritten = bytes[...]
            endsInput = true
        case .open:
            input = try launch.pipe(to: STDIN_FILENO)
            endsInput = false
        case .file(let path):
            launch.open(path, O_RDONLY, as: STDIN_FILENO)
            endsInput = false
        case .closed:
            launch.close(STDIN_FILENO)
            endsInput = false
        case .terminal(let terminal):
            launch.open(terminal.path, O_RDWR, as: STDIN_FILENO)
            endsInput = false
        }
        switch (stdin, stdout) {
        case (.terminal(let terminal), .captured):
            launch.open(terminal.path, O_RDWR, as: STDOUT_FILENO)
            output = try OwnedDescriptor.duplicating(terminal.primary.rawValue)
        case (_, .captured): output = try launch.pipe(from: STDOUT_FILENO)
        case (_, .file(let path)): launch.open(path, O_WRONLY, as: STDOUT_FILENO)
        case (_, .closed): launch.close(STDOUT_FILENO)
        }
        errors = try launch.pipe(from: STDERR_FILENO)
        process = try launch.start(program, arguments)
        for descriptor in [input?.rawValue, output?.rawValue, errors?.rawValue] {
            if let descriptor { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) }
        }
    }

    deinit {
        guard ending == nil else { return }
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
    }

    /// Waits until stdout has `text`, from its beginning or after it.
    func await(_ text: String) throws {
        let wanted = Array(text.utf8)
        try work(until: "'\(text)' on stdout") { stdout.firstRange(of: wanted) != nil }
    }

    /// Waits until stdout has at least `count` bytes.
    func await(bytes count: Int) throws {
        try work(until: "\(count) bytes on stdout") { stdout.count >= count }
    }

    /// Waits until `condition`, which is given stdout.
    func await(_ what: String, _ condition: ([UInt8]) -> Bool) throws {
        try work(until: what) { condition(stdout) }
    }

    /// Gives the program more input, to be passed on by whatever waits next.
    func write(_ text: String) {
        unwritten += Array(text.utf8)
    }

    /// Ends the program's input, once what was written is with it.
    func endInput() throws {
        try work(until: "taking its input") { unwritten.isEmpty }
        input = nil
    }

    /// Leaves room for no more than a page of output that was not read.
    func shrinkOutput() {
        if let output = output?.rawValue { _ = fcntl(output, F_SETPIPE_SZ, 4096) }
    }

    /// Goes away as the reader of stdout.
    func closeOutput() {
        output = nil
    }

    func send(_ signal: CInt) {
        kill(process, signal)
    }

    /// Waits for the program's end.
    ///
    /// - Parameter timeout: seconds, after which it is killed and the test fails.
    func end(timeout: Double = 120) throws -> Swiftlet.Result {
        try work(timeout: timeout, until: "the end") { hasEnded() }
        let seconds = Double(monotonicNanoseconds() - start) / 1e9
        try drain()
        return Swiftlet.Result(
            ending: try #require(ending), stdout: stdout, stderr: stderr, seconds: seconds)
    }

    /// Waits until the program is stopped, as by Ctrl-Z.
    func awaitStop() throws {
        var status: CInt = 0
        try work(until: "the stop") {
            waitpid(process, &status, WUNTRACED | WNOHANG) == process && status & 0xff == 0x7f
        }
    }

    private func hasEnded() -> Bool {
        var status: CInt = 0
        guard ending == nil else { return true }
        guard waitpid(process, &status, WNOHANG) == process else { return false }
        let signal = status & 0x7f
        ending = signal == 0 ? .exited(status >> 8 & 0xff) : .signalled(signal)
        return true
    }

    /// Passes bytes to and fro until `condition` holds.
    private func work(timeout: Double = 120, until what: String, _ condition: () -> Bool) throws {
        let deadline = monotonicNanoseconds() + UInt64(timeout * 1e9)
        while !condition() {
            guard monotonicNanoseconds() < deadline else {
                throw Failure(
                    description: """
                        \(timeout) s went by without \(what); stdout has \(stdout.count) bytes and ends in \
                        \(String(decoding: stdout.suffix(500), as: UTF8.self).debugDescription), stderr says \
                        \(String(decoding: stderr.suffix(2000), as: UTF8.self).debugDescription)
                        """)
            }
            try pump(milliseconds: 5)
        }
    }

    private func drain() throws {
        while output != nil || errors != nil {
            let count = stdout.count + stderr.count
            try pump(milliseconds: 0)
            // A terminal has no end while the test holds it.
            if stdout.count + stderr.count == count { return }
        }
    }

    private func pump(milliseconds: CInt) throws {
        var entries = [
            pollfd(fd: output?.rawValue ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errors?.rawValue ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: unwritten.isEmpty ? -1 : input?.rawValue ?? -1, events: Int16(POLLOUT), revents: 0),
        ]
        if unwritten.isEmpty, endsInput { input = nil }
        poll(&entries, 3, milliseconds)
        if entries[0].revents != 0, Self.read(&output, into: &stdout) { output = nil }
        if entries[1].revents != 0, Self.read(&errors, into: &stderr) { errors = nil }
        if entries[2].revents != 0 { writeInput() }
    }

    private func writeInput() {
        guard let descriptor = input?.rawValue else { return }
        let written = unwritten.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if written >= 0 {
            unwritten.removeFirst(written)
        } else if errno != EAGAIN {
            input = nil
        }
    }

    /// - Returns: whether there is no more to come.
    private static func read(_ descriptor: inout OwnedDescriptor?, into bytes: inout [UInt8]) -> Bool {
        guard let raw = descriptor?.rawValue else { return true }
        let part = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            count = max(0, Glibc.read(raw, buffer.baseAddress, buffer.count))
        }
        bytes += part
        return part.isEmpty && errno != EAGAIN
    }
}
